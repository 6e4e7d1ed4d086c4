"""Where a mutation tool can break a module: every place of every operator of cosmic-ray, as the text it would become.

Owns the choice of places. Left out, because no run of the program can depend on them: type annotations, the bare star
of a signature, the flags ``frozen`` and ``slots`` of data classes, ``strict`` where lengths are the same by
construction, and what stands inside a message's braces. Left out, too: equality in the place of identity with a member
of an enumeration, and identity in the place of equality with a literal, which are the same; operators that need
arguments (they draw their replacement at random, so that no two runs would try the same); and what does not compile, or
compiles to the same program as the sound engine or as another mutant. Docstrings and texts are not touched by any
operator.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import CodeType

import cosmic_ray.plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code

ENGINE = Path(__file__).resolve().parent.parent.parent / "integrations_platform" / "unified_sync"

_MEMBER, _LITERAL = re.compile(r"(not )?([A-Z]\w+\.)?[A-Z_]{3,}\b"), re.compile("[\"']")
SAME = {
    "ReplaceComparisonOperator_Is_Eq": _MEMBER,
    "ReplaceComparisonOperator_IsNot_NotEq": _MEMBER,
    "ReplaceComparisonOperator_Eq_Is": _LITERAL,
    "ReplaceComparisonOperator_NotEq_IsNot": _LITERAL,
}
"""Operators that change nothing where this stands to the right."""

Position = tuple[int, int]


@dataclass(frozen=True)
class Site:
    """One place of one operator. ``block``: first and last line of the outermost statement around it, and
    ``occurrence`` counts the operator's places in that; to parse less than a module is ten times as quick. ``span``:
    the same lines of the innermost statement. ``function``: in which it lies; empty: it runs while the module loads,
    so that no story can be said to pass it by."""

    module: str
    operator: str
    block: tuple[int, int]
    occurrence: int
    number: int
    function: str
    span: tuple[int, int]

    @property
    def name(self) -> str:
        """Short, for people."""
        return f"{self.module}.py:{self.number} {self.operator}"


@dataclass(frozen=True)
class Broken:
    """A mutant: the whole module broken in one place, and the text of that line before and after."""

    line: str
    becomes: str
    source: str


@cache
def source_of(module: str) -> str:
    """The text of a module of the engine, as it was when it was first asked for: a run judges one state of it."""
    return (ENGINE / f"{module}.py").read_text(encoding="utf-8")


def sites(module: str, text: str | None = None) -> list[Site]:
    """Every place in this module; ``text`` instead of its file, for trying."""
    source = source_of(module) if text is None else text
    whole = ast.parse(source)
    lines = source.splitlines()
    places, unused, nodes = _Places(whole, source), _untouchable(whole), list(ast_nodes(get_ast(source)))
    found: list[Site] = []
    for operator_name in cosmic_ray.plugins.operator_names():
        kind = cosmic_ray.plugins.get_operator(operator_name)
        if kind.arguments():
            continue
        operator, same = kind(), SAME.get(operator_name.rpartition("/")[2])
        positions = [position for node in nodes for position in operator.mutation_positions(node)]
        passed = Counter[tuple[int, int]]()
        for start, _ in positions:
            block = places.block(start)
            occurrence = passed[block]
            passed[block] += 1
            if places.bare_star(start) or any(first <= start < last for first, last in unused):
                continue
            right_of_it = lines[start[0] - 1][start[1] :].partition(" ")[2]
            if same is not None and same.match(right_of_it):
                continue
            around = places.function(start), places.span(start)
            found.append(Site(module, operator_name, block, occurrence, start[0], *around))
    return found


def broken(site: Site, text: str | None = None) -> Broken | None:
    """The module broken there; None where that does not compile, or compiles to the same program."""
    source = source_of(site.module) if text is None else text
    lines, (first, last) = source.splitlines(keepends=True), site.block
    block = "".join(lines[first - 1 : last])
    becomes = mutate_code(block, cosmic_ray.plugins.get_operator(site.operator)(), site.occurrence)
    if becomes is None:
        return None
    mutated = "".join((*lines[: first - 1], becomes, *lines[last:]))
    if _program(mutated) in (None, _sound_program(source)):
        return None
    return Broken(*_changed_line(source.splitlines(), mutated.splitlines(), site.number), mutated)


def distinct(places: Iterable[Site]) -> Iterator[tuple[Site, Broken]]:
    """The mutants of these places, each program once."""
    seen: set[tuple[str, Program | None]] = set()
    for site in places:
        mutant = broken(site)
        if mutant is None:
            continue
        program = site.module, _program(mutant.source)
        if program not in seen:
            seen.add(program)
            yield site, mutant


Program = tuple[object, ...]
"""What a module does when it runs, without its line numbers."""


def _program(source: str) -> Program | None:
    try:
        return _behaviour(compile(source, "", "exec", dont_inherit=True))
    except SyntaxError:
        return None


_sound_program = cache(_program)


def _behaviour(code: CodeType) -> Program:
    constants = tuple(
        _behaviour(item) if isinstance(item, CodeType) else (type(item).__name__, repr(item)) for item in code.co_consts
    )
    signature = code.co_argcount, code.co_kwonlyargcount, code.co_posonlyargcount, code.co_flags
    names = code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars
    return code.co_name, signature, names, code.co_code, code.co_exceptiontable, constants


def _changed_line(lines: list[str], mutated: list[str], number: int) -> tuple[str, str]:
    """The line that changed, before and after, without its indentation; a line that went away becomes empty."""
    if len(lines) != len(mutated):
        return lines[number - 1].strip(), ""
    changed = [pair for pair in zip(lines, mutated, strict=True) if pair[0] != pair[1]]
    return (changed[0][0].strip(), changed[0][1].strip()) if changed else (lines[number - 1].strip(), "")


def _untouchable(tree: ast.Module) -> list[tuple[Position, Position]]:
    """Spans of annotations, of the flags of classes, of ``strict``, and of what stands inside messages."""
    spans: list[tuple[Position, Position]] = []
    for node in ast.walk(tree):
        parts: Sequence[ast.expr | None] = ()
        if isinstance(node, ast.FunctionDef):
            parts = [node.returns]
        elif isinstance(node, ast.ClassDef):
            parts = [item for item in node.decorator_list if isinstance(item, ast.Call)]
        elif isinstance(node, ast.arg | ast.AnnAssign):
            parts = [node.annotation]
        elif isinstance(node, ast.JoinedStr):
            parts = [node]
        elif isinstance(node, ast.keyword) and node.arg == "strict":
            parts = [node.value]
        spans += [
            ((part.lineno, part.col_offset), (part.end_lineno or part.lineno, part.end_col_offset or part.col_offset))
            for part in parts
            if part is not None
        ]
    return spans


class _Places:
    """Which statement and which function a position lies in."""

    def __init__(self, tree: ast.Module, source: str) -> None:
        self._lines = source.splitlines()
        self._statements: list[tuple[Position, Position, tuple[int, int]]] = []
        self._functions: list[tuple[int, int, int, str]] = []  # first line, first and last of its body, name
        self._blocks = [
            (
                min([child.lineno, *(item.lineno for item in getattr(child, "decorator_list", ()))]),
                child.end_lineno or 0,
            )
            for child in tree.body
        ]
        self._collect(tree, "")

    def _collect(self, node: ast.AST, inside: str) -> None:
        for child in ast.iter_child_nodes(node):
            within = inside
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                within = f"{inside}.{child.name}".lstrip(".")
                if isinstance(child, ast.FunctionDef) and not isinstance(node, ast.FunctionDef):
                    body = child.body[0].lineno
                    self._functions.append((child.lineno, body, child.end_lineno or body, within))
            if isinstance(child, ast.stmt):
                below = getattr(child, "body", None)
                last = below[0].lineno - 1 if below else child.end_lineno or child.lineno
                end = (child.end_lineno or child.lineno, child.end_col_offset or 0)
                span = (child.lineno, max(child.lineno, last))
                self._statements.append(((child.lineno, child.col_offset), end, span))
            self._collect(child, within)

    def block(self, position: Position) -> tuple[int, int]:
        """First and last line of the outermost statement."""
        return next((first, last) for first, last in self._blocks if first <= position[0] <= last)

    def span(self, position: Position) -> tuple[int, int]:
        """First and last line of the innermost statement; of a compound one only its head, of a signature the body."""
        spans = [span for first, last, span in self._statements if first <= position <= last]
        bodies = [(body, last) for head, body, last, _ in self._functions if head <= position[0] < body]
        return bodies[-1] if bodies else spans[-1] if spans else (position[0], position[0])

    def function(self, position: Position) -> str:
        """The innermost function it is in; empty: none."""
        names = [name for first, _, last, name in self._functions if first <= position[0] <= last]
        return names[-1] if names else ""

    def bare_star(self, position: Position) -> bool:
        """Whether this is the star, or the slash, that parts a signature."""
        around = self._lines[position[0] - 1][position[1] : position[1] + 2]
        inside = any(head <= position[0] < body for head, body, _, _ in self._functions)
        return inside and around.rstrip(", ") in ("*", "/")
