"""The repository's modules as syntax trees: top-level statements, and what their names refer to."""

import ast
import symtable
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

# Apart from its tasks, this package only runs them, and stores and shows their predictions.
AROUND = "reproduction"
REGISTERS = "register_keras_serializable"

_SIMPLE = (ast.Assign, ast.AnnAssign, ast.AugAssign)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SCOPES = (*_FUNCTIONS, ast.ClassDef)


@dataclass(eq=False)
class Statement:
    """A top-level statement of a module.

    Attributes:
        module: contains the statement.
        node: its syntax tree.
        tree: the tree as text, each global name replaced by what it refers to.
        uses: statements that it needs, in the order of its names.
        modules: modules that it looks things up in at run time.
        imports: modules of this repository that it imports when it runs.
        opens_models: whether it opens saved models.
    """

    module: "Module"
    node: ast.stmt
    tree: str = ""
    uses: list["Statement"] = field(default_factory=list)
    modules: list["Module"] = field(default_factory=list)
    imports: list["Module"] = field(default_factory=list)
    opens_models: bool = False

    @property
    def decorators(self) -> list[ast.expr]:
        """Decorators of a function or class; empty for other statements."""
        return getattr(self.node, "decorator_list", [])


class Module:
    """A Python module, split into its top-level statements.

    Attributes:
        name: its dotted name.
        path: its file.
        names: {name: statements that give it its value}.
        imported: {name: (module, name in that module or None)}.
        effects: statements that do something on import.
        statements: all except imports, docstrings and ``__all__``.
    """

    def __init__(self, name: str, path: Path) -> None:
        self.name, self.path = name, path
        self.names: dict[str, list[Statement]] = {}
        self.imported: dict[str, tuple[str, str | None]] = {}
        self.effects: list[Statement] = []
        self.statements: list[Statement] = []
        # A folder without __init__.py is a package as well.
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        for node in ast.parse(text).body:
            self._add(node)

    def _add(self, node: ast.stmt) -> None:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            self.imported |= bindings(node, self.name)
            return
        bound = list(_bound(node))
        if is_text(node) or bound == ["__all__"]:
            return
        statement = Statement(self, node)
        self.statements.append(statement)
        for name in bound:
            self.names.setdefault(name, []).append(statement)
        if isinstance(node, ast.If) and "'__main__'" in ast.unparse(node.test):
            return
        if not bound or not isinstance(node, (*_SCOPES, *_SIMPLE)):
            self.effects.append(statement)
            for inner in ast.walk(node):
                if isinstance(inner, (ast.Import, ast.ImportFrom)):
                    self.imported |= bindings(inner, self.name)


def is_text(node: ast.stmt) -> bool:
    """Whether a statement is a bare string, such as a docstring."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def bindings(node: ast.Import | ast.ImportFrom, module: str) -> dict:
    """Names that an import statement binds: {name: (module, name in that module or None)}.

    Args:
        node: the import statement.
        module: contains it; named in the error message.

    Raises:
        ValueError: a relative or star import.
    """
    if isinstance(node, ast.Import):
        return {
            alias.asname or alias.name.split(".")[0]: (
                alias.name if alias.asname else alias.name.split(".")[0],
                None,
            )
            for alias in node.names
        }
    if node.level or any(alias.name == "*" for alias in node.names):
        raise ValueError(f"{module}: relative and star imports are not followed")
    return {alias.asname or alias.name: (node.module, alias.name) for alias in node.names}


def _bound(node: ast.stmt) -> Iterator[str]:
    """Names that a top-level statement assigns or defines."""
    if isinstance(node, _SCOPES):
        yield node.name
        return
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
            yield child.id
        elif not isinstance(child, (ast.Lambda, ast.comprehension)):
            yield from _bound(child)


def global_names(node: ast.stmt) -> set[str]:
    """Names that a top-level statement reads from the module or the built-ins."""
    found = set()

    def add(table: symtable.SymbolTable, top: bool) -> None:
        for symbol in table.get_symbols():
            if symbol.is_referenced() if top else symbol.is_global():
                found.add(symbol.get_name())
        for child in table.get_children():
            add(child, False)

    add(symtable.symtable(ast.unparse(node), "", "exec"), True)
    return found


class Repository:
    """All modules below a folder, each parsed when it is first asked for.

    Args:
        root: the folder.
        tasks: dotted name of the package that contains the tasks.
    """

    def __init__(self, root: Path, tasks: str) -> None:
        self.root, self.tasks = root, tasks
        self._modules: dict[str, Module | None] = {}

    def module(self, name: str) -> Module | None:
        """The module or package of this name; None if it is not in this repository."""
        if name not in self._modules:
            path = self.root.joinpath(*name.split("."))
            file = path.with_suffix(".py")
            if not file.is_file():
                file = path / "__init__.py" if any(path.glob("*.py")) else None
            self._modules[name] = Module(name, file) if file else None
        return self._modules[name]

    def counts(self, name: str) -> bool:
        """Whether a module is part of the checksum; in :data:`AROUND` only the tasks are."""
        return name.split(".")[0] != AROUND or name.startswith(f"{self.tasks}.")

    def stands_for(self, module: Module, name: str, imported: dict | None = None):
        """What a global name refers to: a list of statements, a module, a dotted name, or None.

        A dotted name is that of an object in another package, or, without its module, of an
        object in a module of this repository that does not count. None: a built-in.

        Args:
            module: uses the name.
            name: the global name.
            imported: import bindings that replace the module's own.
        """
        imported = module.imported if imported is None else imported
        if name not in imported:
            return module.names.get(name)
        origin, attribute = imported[name]
        return self.attribute(self.module(origin) or origin, attribute)

    def attribute(self, of, name: str | None):
        """What an attribute of a result of :meth:`stands_for` refers to; None if unknown."""
        if isinstance(of, str):
            return of if name is None else f"{of}.{name}".lstrip(".")
        if not isinstance(of, Module):
            return None
        if name is None:
            return of if self.counts(of.name) or self._has_counting(of.name) else ""
        inner = self.module(f"{of.name}.{name}")
        if self.counts(of.name):
            found = self.stands_for(of, name)
            return inner if found is None else found
        return name if inner is None else self.attribute(inner, None)

    def _has_counting(self, name: str) -> bool:
        return f"{self.tasks}.".startswith(f"{name}.")

    def named_in(self, text: str) -> tuple[list[Module], str]:
        """Modules that a string names, and the rest of the string.

        Understood are "package.module", "package.module.name", "package.module:name", and
        "package." for all modules of a package.
        """
        name = text.replace(":", ".")
        if "." not in name or not name.replace(".", "").isidentifier():
            return [], text
        if name.endswith("."):
            files = sorted(self.root.joinpath(*name.split(".")).glob("*.py"))
            names = [f"{name}{file.stem}" for file in files if file.stem != "__init__"]
            return [self.module(n) for n in names if self.counts(n)], ""
        outer, _, last = name.rpartition(".")
        for module, rest in ((name, ""), (outer, last)):
            if "." in module and self.counts(module) and self.module(module):
                return [self.module(module)], rest
        return [], text

    def registered(self, statement: Statement) -> str:
        """Where its decorators may register a statement: "Keras", "here", or "" for nowhere."""
        for decorator in statement.decorators:
            root = decorator.func if isinstance(decorator, ast.Call) else decorator
            if REGISTERS in ast.dump(root):
                return "Keras"
            while isinstance(root, ast.Attribute):
                root = root.value
            if isinstance(root, ast.Name) and not isinstance(
                self.stands_for(statement.module, root.id), (str, type(None))
            ):
                return "here"
        return ""

    def imports(self, imported: dict) -> list[Module]:
        """Modules of this repository that imports execute, including their parent packages."""
        found = []
        for origin, attribute in imported.values():
            for name in (origin, f"{origin}.{attribute}"):
                parts = name.split(".")
                for k in range(len(parts)):
                    above = ".".join(parts[: k + 1])
                    if self.counts(above) and (module := self.module(above)):
                        found.append(module)
        return found

    def whole(self, module: Module) -> list[Statement]:
        """All statements of a module, and those that it imports by name from other modules."""
        found = list(module.statements)
        for name in sorted(module.imported):
            value = self.stands_for(module, name)
            if isinstance(value, list):
                found += value
        return found
