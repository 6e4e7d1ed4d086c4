"""The loaded engine with functions of it replaced: by a mutant's, or by ones that note which lines they run.

A function goes on living under its name, with other code, so that every module that imported it sees the change at
once. What runs only while a module loads cannot be replaced so.
"""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterable
from types import CodeType, FunctionType
from typing import Any

from integrations_platform_tests.proof.tool_mutation_sites import source_of

PACKAGE = "integrations_platform.unified_sync"
_NOTED = "_note_of_watch"


def function_of(names: dict[str, Any], path: str) -> FunctionType:
    """The function of this qualified name, behind a property or a decorator if need be."""
    head, *rest = path.split(".")
    found = names[head]
    for name in rest:
        found = vars(found)[name]
    found = found.fget if isinstance(found, property) else getattr(found, "__func__", found)
    found = inspect.unwrap(found)
    assert isinstance(found, FunctionType), f"{path} is a {type(found).__name__}"
    return found


def put_in(module_name: str, paths: Iterable[str], code: CodeType) -> None:
    """Give these functions of a loaded module the code they have in another version of the module."""
    module = importlib.import_module(f"{PACKAGE}.{module_name}")
    other: dict[str, Any] = {"__name__": module.__name__, "__file__": module.__file__}
    exec(code, other)
    for path in paths:
        ours, theirs = function_of(vars(module), path), function_of(other, path)
        ours.__code__, ours.__defaults__, ours.__kwdefaults__ = (
            theirs.__code__,
            theirs.__defaults__,
            theirs.__kwdefaults__,
        )


class Watch:
    """Makes the functions of these modules note the lines they run, by module, in ``seen``. Lines are noted by the
    functions themselves: a tracer of the interpreter would be told of all the rest of the program as well."""

    def __init__(self, modules: Iterable[str]) -> None:
        self.seen: dict[str, set[int]] = {}
        for name in modules:
            tree = ast.parse(source_of(name))
            noting = _Noting(name)
            code = compile(ast.fix_missing_locations(noting.visit(tree)), name, "exec", dont_inherit=True)
            vars(importlib.import_module(f"{PACKAGE}.{name}"))[_NOTED] = self._note
            put_in(name, noting.paths, code)

    def _note(self, module: str, line: int) -> None:
        self.seen.setdefault(module, set()).add(line)


class _Noting(ast.NodeTransformer):
    """Puts a note before every statement of every function."""

    def __init__(self, module: str) -> None:
        self.module = module
        self.paths: list[str] = []
        self._inside: list[str] = []
        self._depth = 0  # functions around this one

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        self._inside.append(node.name)
        self.generic_visit(node)
        self._inside.pop()
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        if not self._depth:
            self.paths.append(".".join((*self._inside, node.name)))
        self._depth += 1
        self.generic_visit(node)
        self._depth -= 1
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if self._depth:
            for name in ("body", "orelse", "finalbody"):
                statements = getattr(node, name, None)
                if isinstance(statements, list):
                    setattr(node, name, [part for item in statements for part in (self._note_of(item), item)])
        return node

    def _note_of(self, statement: ast.stmt) -> ast.stmt:
        arguments = [ast.Constant(self.module), ast.Constant(statement.lineno)]
        return ast.copy_location(ast.Expr(ast.Call(ast.Name(_NOTED, ast.Load()), arguments, [])), statement)
