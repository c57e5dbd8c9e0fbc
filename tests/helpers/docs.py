"""What the source says of fields: the text that stands under each, as a string of its own."""

import ast
import inspect
import textwrap


def field_texts(settings: type) -> dict[str, str]:
    """The text under each annotated field of a dataclass; empty where there is none."""
    (body,) = (node.body for node in ast.parse(textwrap.dedent(inspect.getsource(settings))).body)  # type: ignore[attr-defined]
    texts = {}
    for node, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            text = after.value.value if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) else ""
            texts[node.target.id] = str(text)
    return texts
