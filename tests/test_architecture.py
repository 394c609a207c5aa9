"""The import order of the whole package, held as one literal list."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "riskengine"

# A module imports only from groups above its own, or from its own group where that is a package.
ORDER = [
    "errors",
    "clock",
    "tasks",
    "collector",
    "downstream",
    "address",
    "headers",
    "request",
    "decision",
    "outcome",
    "percent",
    "normalize",
    "query",
    "content_encoding",
    "seclang",
    "ruleset",
    "origin",
    "inspection",
    "store",
    "behavior",
    "stages",
    "funnel",
    "conclusion",
    "stage_list",
    "banning",
    "records",
    "busyness",
    "recent_decisions",
    "batcher",
    "setting_values",
    "settings",
    "engine",
    "assembly",
    "v1",
    "edge",
    "gateway",
    "simulation",
    "analyst",
    "demo",
    "cli",
]

# Generated code is read by the edge alone; stages never import each other.
ALONE = {"v1": {"edge", "demo"}}
TRAINING_ONLY = {"sklearn", "onnx", "pyarrow", "matplotlib", "scipy"}
MAY_TRAIN = {"analyst.train", "analyst.forest_export"}


def modules() -> list[Path]:
    return sorted(p for p in PACKAGE.rglob("*.py") if not p.name.endswith(("_pb2.py", "_grpc.py")))


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


def imports(path: Path) -> list[tuple[int, str]]:
    """Line and name of every import in the file, nested ones included."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            found.append((node.lineno, node.module or ""))
    return found


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_module_imports_only_from_above_it(path: Path) -> None:
    if path == PACKAGE / "__init__.py" or path == PACKAGE / "__main__.py":
        return
    own = dotted(path).split(".")[0]
    assert own in ORDER, f"{own} has no place in the import order"
    for line, name in imports(path):
        if not name.startswith("riskengine."):
            continue
        group = name.split(".")[1]
        assert ORDER.index(group) <= ORDER.index(own), f"{path}:{line}: {own} imports {group}"
        if group == own:
            assert path.parent != PACKAGE, f"{path}:{line}: imports itself"


@pytest.mark.parametrize("path", sorted((PACKAGE / "stages").glob("*.py")), ids=dotted)
def test_stages_never_import_each_other(path: Path) -> None:
    stages = {"addresses", "parameters", "signatures", "rate_limits", "behavior"}
    for line, name in imports(path):
        if name.startswith("riskengine.stages."):
            assert name.split(".")[2] not in stages, f"{path}:{line}: imports {name}"


@pytest.mark.parametrize("path", sorted((PACKAGE / "downstream").glob("*.py")), ids=dotted)
def test_downstream_knows_nothing_of_the_funnel(path: Path) -> None:
    for line, name in imports(path):
        if name.startswith("riskengine."):
            group = name.split(".")[1]
            assert group in {"errors", "clock", "tasks", "downstream"}, f"{path}:{line}: {name}"


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_generated_contract_is_read_by_the_edge_alone(path: Path) -> None:
    own = dotted(path).split(".")[0]
    for line, name in imports(path):
        if name.startswith("riskengine.v1"):
            assert own in ALONE["v1"], f"{path}:{line}: {own} imports the generated contract"


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_training_libraries_are_imported_by_training_alone(path: Path) -> None:
    for line, name in imports(path):
        if name.split(".")[0] in TRAINING_ONLY:
            assert dotted(path).startswith(tuple(MAY_TRAIN)), f"{path}:{line}: imports {name}"


def test_package_files_are_empty() -> None:
    for path in PACKAGE.rglob("__init__.py"):
        assert path.read_text() == "", f"{path} must be empty"


def test_modules_import_each_other_without_loops() -> None:
    graph = {
        dotted(path): {
            name.removeprefix("riskengine.")
            for _, name in imports(path)
            if name.startswith("riskengine.")
        }
        for path in modules()
    }
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, f"import loop: {' -> '.join((*trail, module))}"
        if module in done:
            return
        for imported in graph.get(module, ()):
            visit(imported, (*trail, module))
        done.add(module)

    for module in graph:
        visit(module, ())
