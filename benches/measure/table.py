"""The table of budgets: what was measured, beside what must and what should be."""


class Table:
    """Rows of a Markdown table."""

    def __init__(self):
        self.rows = []

    def add(self, what, measured, must="", aim="", detail=""):
        """A row; `measured`, `must` and `aim` are texts."""
        self.rows.append((what, measured, must, aim, detail))

    def render(self):
        """The table as Markdown."""
        head = [("what", "measured", "must", "aim", "detail"), ("---",) * 5]
        return "\n".join("| " + " | ".join(row) + " |" for row in head + self.rows)
