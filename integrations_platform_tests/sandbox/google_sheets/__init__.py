"""The stand-in of Google Sheets, held to the vendor's contract."""
