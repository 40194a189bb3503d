"""Nested containers as trees: lists, tuples, named tuples, dicts and deques are nodes, all else is a leaf.

PyTorch keeps these functions under this name, and programs import them from there.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from typing import Any

from tensorrs._size import Size

__all__ = [
    "PyTree",
    "TreeSpec",
    "tree_all",
    "tree_any",
    "tree_flatten",
    "tree_iter",
    "tree_leaves",
    "tree_map",
    "tree_map_",
    "tree_map_only",
    "tree_structure",
    "tree_unflatten",
]

PyTree = Any
_DICTS = (dict, OrderedDict, defaultdict)


class TreeSpec:
    """The shape of a tree: the kind of its root, what else makes that root, and the shapes of its children.

    `type` is None for a leaf.
    """

    def __init__(self, type: Any, context: Any, children_specs: list[TreeSpec]) -> None:
        self.type, self.context, self.children_specs = type, context, children_specs
        self.num_children = len(children_specs)
        self.num_leaves: int = 1 if type is None else sum(child.num_leaves for child in children_specs)
        self.num_nodes: int = 1 + sum(child.num_nodes for child in children_specs)

    def is_leaf(self) -> bool:
        """Whether this is a leaf."""
        return self.type is None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TreeSpec) and self._parts() == other._parts()

    def __hash__(self) -> int:
        return hash((self.type, self.num_leaves, self.num_nodes))

    def _parts(self) -> tuple[Any, ...]:
        return self.type, self.context, self.children_specs

    def __repr__(self) -> str:
        if self.is_leaf():
            return "*"
        return f"TreeSpec({self.type.__name__}, {self.context}, {self.children_specs})"


def _open(tree: PyTree, is_leaf: Callable[[PyTree], bool] | None) -> tuple[Any, Any, list[PyTree]] | None:
    """Kind, context and children of a node; None of a leaf."""
    kind = type(tree)
    if is_leaf is not None and is_leaf(tree):
        return None
    if kind in _DICTS:
        keys = list(tree)
        return kind, (tree.default_factory, keys) if kind is defaultdict else keys, list(tree.values())
    if kind is deque:
        return kind, tree.maxlen, list(tree)
    if kind in (list, tuple, Size):
        return list if kind is list else tuple, None, list(tree)
    if isinstance(tree, tuple) and hasattr(kind, "_fields"):
        return kind, kind, list(tree)
    return None


def _close(spec: TreeSpec, children: list[PyTree]) -> PyTree:
    if spec.type is defaultdict:
        factory, keys = spec.context
        return defaultdict(factory, zip(keys, children, strict=True))
    if spec.type in _DICTS:
        return spec.type(zip(spec.context, children, strict=True))
    if spec.type is deque:
        return deque(children, maxlen=spec.context)
    return spec.type(*children) if spec.context is spec.type else spec.type(children)


def tree_flatten(tree: PyTree, is_leaf: Callable[[PyTree], bool] | None = None) -> tuple[list[Any], TreeSpec]:
    """The leaves from left to right, and the shape to put them back in. `is_leaf` says which nodes to leave whole."""
    node = _open(tree, is_leaf)
    if node is None:
        return [tree], TreeSpec(None, None, [])
    kind, context, children = node
    parts = [tree_flatten(child, is_leaf) for child in children]
    return [leaf for leaves, _ in parts for leaf in leaves], TreeSpec(kind, context, [spec for _, spec in parts])


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> PyTree:
    """The tree of this shape with these leaves.

    Raises ValueError if their number is another, TypeError if `treespec` is no `TreeSpec`.
    """
    if not isinstance(treespec, TreeSpec):
        raise TypeError(
            f"tree_unflatten(leaves, treespec): Expected `treespec` to be instance of TreeSpec but got {treespec!r}."
        )
    given = list(leaves)
    if len(given) != treespec.num_leaves:
        raise ValueError(
            f"tree_unflatten(leaves, treespec): `leaves` has length {len(given)} but the spec refers to a pytree "
            f"that holds {treespec.num_leaves} items ({treespec})."
        )
    rest = iter(given)

    def build(spec: TreeSpec) -> PyTree:
        return next(rest) if spec.is_leaf() else _close(spec, [build(child) for child in spec.children_specs])

    return build(treespec)


def tree_leaves(tree: PyTree, is_leaf: Callable[[PyTree], bool] | None = None) -> list[Any]:
    """The leaves from left to right."""
    return tree_flatten(tree, is_leaf)[0]


def tree_iter(tree: PyTree, is_leaf: Callable[[PyTree], bool] | None = None) -> Iterable[Any]:
    """The leaves from left to right, one by one."""
    return iter(tree_leaves(tree, is_leaf))


def tree_structure(tree: PyTree, is_leaf: Callable[[PyTree], bool] | None = None) -> TreeSpec:
    """The shape of the tree."""
    return tree_flatten(tree, is_leaf)[1]


def tree_map(
    func: Callable[..., Any], tree: PyTree, *rests: PyTree, is_leaf: Callable[[PyTree], bool] | None = None
) -> PyTree:
    """A tree of the same shape with `func` of each leaf, and of the leaves at its place in the trees `rests`.

    Raises ValueError if the shapes differ.
    """
    leaves, spec = tree_flatten(tree, is_leaf)
    others = [tree_flatten(rest, is_leaf) for rest in rests]
    for _, other in others:
        if other != spec:
            raise ValueError(f"tree_map: the trees have different shapes, {spec} and {other}")
    return tree_unflatten(map(func, leaves, *[found for found, _ in others]), spec)


def tree_map_(func: Callable[..., Any], tree: PyTree, *rests: PyTree) -> PyTree:
    """Call `func` on each leaf for its effect; the tree itself."""
    tree_map(func, tree, *rests)
    return tree


def tree_map_only(kind: Any, func: Callable[[Any], Any], tree: PyTree) -> PyTree:
    """`tree_map` over the leaves of a type, or of several; the others stay."""
    wanted = kind if isinstance(kind, type | tuple) else (kind,)

    def chosen(leaf: Any) -> Any:
        return func(leaf) if isinstance(leaf, wanted) else leaf

    return tree_map(chosen, tree)


def tree_all(pred: Callable[[Any], bool], tree: PyTree) -> bool:
    """Whether `pred` holds for every leaf."""
    return all(map(pred, tree_leaves(tree)))


def tree_any(pred: Callable[[Any], bool], tree: PyTree) -> bool:
    """Whether `pred` holds for any leaf."""
    return any(map(pred, tree_leaves(tree)))
