"""Checksum of the code behind a task's predictions, independent of the files it is in.

Starting from the task's function, every name is followed through imports and module attributes to
the top-level function, class or assignment of this repository that it refers to. The checksum
covers the syntax trees of all that is reached this way, without docstrings, comments and imports,
each name replaced by what it refers to. So moving a definition to another module or renaming a
module changes nothing. Statements that run on import are included if their module is imported.

Lookups by string cannot be followed, so everything that they might find is included:

- the whole of a module that is used as a value, as in ``getattr(energy, name)``, or named in a
  string, as in ``import_module("a.b")``; all modules of a package in ``f"package.{name}"``;
- each definition with a decorator of this repository, which may register it in a table, if its
  module is imported;
- where saved models are opened, all that imported modules register with Keras.
"""

import ast
import copy
import hashlib

from reproduction.engine.source import (
    Module,
    Repository,
    Statement,
    bindings,
    global_names,
    is_text,
)

OPENS_MODELS = "load_model"
# Definitions of the same name are told apart by what they use, recursively to this depth.
ROUNDS = 10
MODULE = "<module>"


class _Resolver(ast.NodeTransformer):
    """Replaces global names by what they refer to; drops imports and docstrings.

    What the names refer to is recorded in the statement.
    """

    def __init__(self, repository: Repository, statement: Statement) -> None:
        self.repository, self.statement = repository, statement
        self.names = global_names(statement.node)
        inner = {}
        for node in ast.walk(statement.node):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                inner |= bindings(node, statement.module.name)
        self.imported = statement.module.imported | inner
        # Names that a function imports are local to it, hence not among the global ones.
        self.names |= set(inner)
        statement.imports = repository.imports(inner)

    def visit_Import(self, node):
        return None

    visit_ImportFrom = visit_Import

    def visit_Expr(self, node):
        return None if is_text(node) else self.generic_visit(node)

    def visit_Constant(self, node):
        if isinstance(node.value, str):
            modules, rest = self.repository.named_in(node.value)
            self.statement.modules += modules
            if modules:
                return ast.Name(MODULE + rest, ast.Load())
        return node

    def visit_Name(self, node):
        return self._chain(node) or node

    def visit_Attribute(self, node):
        return self._chain(node) or self.generic_visit(node)

    def _chain(self, node):
        """Replace the longest known beginning of ``a.b.c`` by what it refers to; None if none."""
        attributes, root = [], node
        while isinstance(root, ast.Attribute):
            attributes.insert(0, root.attr)
            root = root.value
        if not isinstance(root, ast.Name) or root.id not in self.names:
            return None
        value = self.repository.stands_for(self.statement.module, root.id, self.imported)
        if value is None:
            return None
        name = root.id
        while attributes:
            further = self.repository.attribute(value, attributes[0])
            if further is None:
                break
            name, value = attributes.pop(0), further
        if isinstance(value, Module):
            self.statement.modules.append(value)
            name = MODULE
        elif isinstance(value, str):
            name = value
            self.statement.opens_models |= value.split(".")[-1] == OPENS_MODELS
        else:
            self.statement.uses += value
            # The name in the defining module, which an import may have changed.
            name = next(k for k, v in value[0].module.names.items() if v is value)
        found = ast.Name(name, getattr(root, "ctx", ast.Load()))
        for attribute in attributes:
            found = ast.Attribute(found, attribute, ast.Load())
        return found


def _resolve(repository: Repository, statement: Statement) -> None:
    if not statement.tree:
        resolver = _Resolver(repository, statement)
        statement.tree = ast.dump(resolver.visit(copy.deepcopy(statement.node)))


def _needed(repository: Repository, start: list[Statement]) -> dict[int, Statement]:
    """Statements reachable from the given ones, these included, by identity."""
    found: dict[int, Statement] = {}
    todo = list(start)
    while todo:
        statement = todo.pop()
        if id(statement) not in found:
            found[id(statement)] = statement
            _resolve(repository, statement)
            todo += statement.uses
            for module in statement.modules:
                todo += repository.whole(module)
    return found


def statements(task: str, repository: Repository) -> list[Statement]:
    """All statements that the function ``run`` of a task's module needs, each once.

    Raises:
        ValueError: there is no such module or no ``run`` in it, or a needed module has relative
            or star imports, which are not supported.
    """
    module = repository.module(task)
    if module is None or "run" not in module.names:
        raise ValueError(f"{task} has no function run")
    found: dict[int, Statement] = {}
    imported: dict[str, Module] = {}

    def imports(module: Module) -> None:
        if module.name not in imported:
            imported[module.name] = module
            for inner in repository.imports(module.imported):
                imports(inner)

    new = module.names["run"]
    while new:
        found |= _needed(repository, new)
        for statement in found.values():
            for module in (statement.module, *statement.imports):
                imports(module)
        where = {"here"}
        if any(statement.opens_models for statement in found.values()):
            where.add("Keras")
        new = [
            s
            for module in imported.values()
            for s in module.statements
            if id(s) not in found and (s in module.effects or repository.registered(s) in where)
        ]
    return list(found.values())


def checksum(task: str, repository: Repository) -> str:
    """SHA-256 over :func:`statements`, independent of their order and modules.

    Raises:
        ValueError: as :func:`statements`.
    """
    found = statements(task, repository)
    own = {id(s): hashlib.sha256(s.tree.encode()).digest() for s in found}
    looked_in = {
        module.name: list(_needed(repository, repository.whole(module)))
        for s in found
        for module in s.modules
    }
    sums = own
    for _ in range(ROUNDS):
        wholes = {name: b"".join(sorted(sums[k] for k in ids)) for name, ids in looked_in.items()}
        sums = {
            id(s): hashlib.sha256(
                own[id(s)]
                + b"".join(sums[id(u)] for u in s.uses)
                + b"".join(wholes[module.name] for module in s.modules)
            ).digest()
            for s in found
        }
    return hashlib.sha256(b"".join(sorted(sums.values()))).hexdigest()
