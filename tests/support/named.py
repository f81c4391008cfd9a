"""What the names of a module may stand for, for tests that read the code."""

import ast
from collections import defaultdict


def named_in(tree: ast.Module) -> dict[str, list[ast.AST]]:
    """What a module's names may stand for: assigned values, members of its classes, what its functions return."""
    named: dict[str, list[ast.AST]] = defaultdict(list)
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    if isinstance(target, ast.Name):
                        named[target.id].append(value)
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                named[name].append(value)
            case ast.ClassDef(name=name, body=body):
                named[name] += [each.value for each in body if isinstance(each, ast.Assign)]
            case ast.FunctionDef(name=name):
                named[name] += [each.value for each in ast.walk(node) if isinstance(each, ast.Return) and each.value]
    return named
