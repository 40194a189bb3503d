"""`SummaryWriter`: curves, images, histograms, texts, hyperparameters and graphs of modules for TensorBoard.

The files are written by the tensorboardX package (`pip install tensorboardX`); this module hands it tensors as arrays
and draws graphs from the tape.
"""

from __future__ import annotations

import functools
from typing import Any

from tensorrs._C import Tensor
from tensorrs.nn import Module, Parameter

try:
    import tensorboardX
    from tensorboardX.proto.attr_value_pb2 import AttrValue
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.proto.graph_pb2 import GraphDef
    from tensorboardX.proto.node_def_pb2 import NodeDef
    from tensorboardX.proto.tensor_shape_pb2 import TensorShapeProto
    from tensorboardX.proto.versions_pb2 import VersionDef
except ImportError as error:
    raise ImportError("tensorrs.utils.tensorboard needs tensorboardX: pip install tensorboardX") from error

__all__ = ["FileWriter", "SummaryWriter"]

FileWriter = tensorboardX.FileWriter


def _array(x: Any) -> Any:
    """Tensors as arrays, inside lists, tuples and dicts too."""
    if isinstance(x, Tensor):
        return x.detach().cpu().float().numpy() if str(x.dtype).endswith("bfloat16") else x.detach().cpu().numpy()
    if isinstance(x, (list, tuple)):
        return type(x)(_array(item) for item in x)
    if isinstance(x, dict):
        return {key: _array(value) for key, value in x.items()}
    return x


def _with_arrays(name: str) -> Any:
    method = getattr(tensorboardX.SummaryWriter, name)

    @functools.wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        return method(self, *_array(args), **_array(kwargs))

    return call


class SummaryWriter(tensorboardX.SummaryWriter):  # type: ignore[misc]
    """Writes what TensorBoard shows into files in `log_dir` (by default `runs/DATE_HOST` with `comment` added).

    The methods below have PyTorch's arguments; the rarer ones (`add_audio`, `add_video`, `add_mesh`, ...) are
    tensorboardX's, and take tensors too. `close()`, or the end of a `with` block, writes the rest.
    """

    def __init__(
        self,
        log_dir: Any = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: int = 120,
        filename_suffix: str = "",
    ) -> None:
        super().__init__(
            logdir=None if log_dir is None else str(log_dir),
            comment=comment,
            purge_step=purge_step,
            max_queue=max_queue,
            flush_secs=flush_secs,
            filename_suffix=filename_suffix,
        )

    @property
    def log_dir(self) -> str:
        """The folder of the files."""
        return str(self.logdir)

    def get_logdir(self) -> str:
        """The folder of the files."""
        return self.log_dir

    def add_scalar(
        self,
        tag: str,
        scalar_value: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        new_style: bool = False,
        double_precision: bool = False,
    ) -> None:
        """A point of the curve `tag`: a number, or a tensor of one element, at `global_step`.

        `new_style` and `double_precision` are taken and not used: values are float32 in the file.
        """
        super().add_scalar(tag, _array(scalar_value), global_step, walltime)

    def add_scalars(
        self,
        main_tag: str,
        tag_scalar_dict: dict[str, Any],
        global_step: int | None = None,
        walltime: float | None = None,
    ) -> None:
        """Points of several curves in one picture; each curve gets a folder of its own."""
        super().add_scalars(main_tag, _array(tag_scalar_dict), global_step, walltime)

    def add_image(
        self,
        tag: str,
        img_tensor: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        dataformats: str = "CHW",
    ) -> None:
        """A picture of 1, 3 or 4 channels: floats between 0 and 1, or bytes; `dataformats` names its dimensions."""
        super().add_image(tag, _array(img_tensor), global_step, walltime, dataformats)

    def add_images(
        self,
        tag: str,
        img_tensor: Any,
        global_step: int | None = None,
        walltime: float | None = None,
        dataformats: str = "NCHW",
    ) -> None:
        """A batch of pictures as one, eight in a row."""
        super().add_images(tag, _array(img_tensor), global_step, walltime, dataformats)

    def add_figure(
        self,
        tag: str,
        figure: Any,
        global_step: int | None = None,
        close: bool = True,
        walltime: float | None = None,
    ) -> None:
        """A figure of Matplotlib, or a list of them, as a picture; `close` closes them."""
        super().add_figure(tag, figure, global_step, close, walltime)

    def add_histogram(
        self,
        tag: str,
        values: Any,
        global_step: int | None = None,
        bins: Any = "tensorflow",
        walltime: float | None = None,
        max_bins: int | None = None,
    ) -> None:
        """How the elements of a tensor are distributed. `bins`: TensorBoard's own, or what `numpy.histogram` takes."""
        super().add_histogram(tag, _array(values), global_step, bins, walltime, max_bins)

    def add_text(
        self, tag: str, text_string: str, global_step: int | None = None, walltime: float | None = None
    ) -> None:
        """A text, in Markdown."""
        super().add_text(tag, text_string, global_step, walltime)

    def add_embedding(
        self,
        mat: Any,
        metadata: Any = None,
        label_img: Any = None,
        global_step: int | None = None,
        tag: str = "default",
        metadata_header: Any = None,
    ) -> None:
        """Points (n, d) for the projector, with n labels in `metadata` and n pictures in `label_img`."""
        super().add_embedding(_array(mat), _array(metadata), _array(label_img), global_step, tag, metadata_header)

    def add_pr_curve(
        self,
        tag: str,
        labels: Any,
        predictions: Any,
        global_step: int | None = None,
        num_thresholds: int = 127,
        weights: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Precision against recall of yes-or-no `predictions` between 0 and 1, at `num_thresholds` thresholds."""
        given = (_array(labels), _array(predictions), global_step, num_thresholds, _array(weights), walltime)
        super().add_pr_curve(tag, *given)

    def add_hparams(
        self,
        hparam_dict: dict[str, Any],
        metric_dict: dict[str, Any],
        hparam_domain_discrete: dict[str, Any] | None = None,
        run_name: str | None = None,
        global_step: int | None = None,
    ) -> None:
        """The settings of a run and what came of it, in the folder `run_name` (by default the time).

        `hparam_domain_discrete` is taken and not used. Raises TypeError unless both are dicts.
        """
        super().add_hparams(_array(hparam_dict), _array(metric_dict), run_name, global_step)

    def add_graph(
        self, model: Module, input_to_model: Any = None, verbose: bool = False, use_strict_trace: bool = True
    ) -> None:
        """Draw `model` from one call on `input_to_model`, a tensor or a tuple of them.

        A box for each module, and in it the ops of the tape; parameters and inputs are boxes of their own.
        """
        graph = _graph(model, input_to_model)
        if verbose:
            print(graph)
        self._get_file_writer().add_event(Event(graph_def=graph.SerializeToString()))


for _name in dir(tensorboardX.SummaryWriter):
    if _name.startswith("add_") and _name not in vars(SummaryWriter):
        setattr(SummaryWriter, _name, _with_arrays(_name))


def _tensors(x: Any) -> list[Tensor]:
    """The tensors in a nest of lists, tuples and dicts."""
    if isinstance(x, Tensor):
        return [x]
    if isinstance(x, dict):
        x = list(x.values())
    return [t for item in x for t in _tensors(item)] if isinstance(x, (list, tuple)) else []


def _node(name: str, op: str, inputs: list[str], shape: Any = None) -> Any:
    attributes = {}
    if shape is not None:
        sizes = [TensorShapeProto.Dim(size=n) for n in shape]
        listed = AttrValue.ListValue(shape=[TensorShapeProto(dim=sizes)])
        attributes["_output_shapes"] = AttrValue(list=listed)
    return NodeDef(name=name, op=op, input=inputs, attr=attributes)


def _graph(model: Module, inputs: Any) -> Any:
    """The tape of one call as a graph, its ops under the paths of the modules that made them."""
    args = inputs if isinstance(inputs, tuple) else (inputs,)
    # Inputs that ask for gradients, so that every op on them is on the tape.
    given = [t.detach().clone().requires_grad_() if t.dtype.is_floating_point else t for t in _tensors(list(args))]
    fresh = iter(given)
    args = tuple(next(fresh) if isinstance(a, Tensor) else a for a in args)
    paths = {id(module): path for path, module in model.named_modules()}
    owner: dict[Any, str] = {}
    shapes: dict[Any, Any] = {}

    def after(module: Module, taken: Any, made: Any) -> None:
        edge = {t.grad_fn for t in _tensors(taken)}
        todo = [t.grad_fn for t in _tensors(made)]
        shapes.update({t.grad_fn: tuple(t.shape) for t in _tensors(made)})
        path = f"{type(model).__name__}/{paths[id(module)].replace('.', '/')}".rstrip("/")
        while todo:
            node = todo.pop()
            if node is None or node in edge or node in owner or node.name() == "AccumulateGrad":
                continue
            # Inner modules end first, so a node belongs to the innermost one that made it.
            owner[node] = path
            todo.extend(following for following, _ in node.next_functions)

    handles = [module.register_forward_hook(after) for module in model.modules()]
    try:
        result = model(*args)
    finally:
        for handle in handles:
            handle.remove()

    leaves: dict[int, tuple[str, str, Any]] = {id(t): (f"input/{i}", "Input", t.shape) for i, t in enumerate(given)}
    for name, parameter in model.named_parameters():
        place = f"{type(model).__name__}/{name.replace('.', '/')}"
        leaves[id(parameter)] = (place, "Parameter", parameter.shape)
    nodes: dict[Any, str] = {}
    rows: list[Any] = []
    counts: dict[str, int] = {}

    def placed(node: Any) -> str:
        if node in nodes:
            return nodes[node]
        variable = getattr(node, "variable", None)
        if variable is not None:
            kind = "Parameter" if isinstance(variable, Parameter) else "Constant"
            name, op, shape = leaves.get(id(variable), (f"constant/{len(nodes)}", kind, variable.shape))
            nodes[node] = name
            rows.append(_node(name, op, [], shape))
            return name
        op = node.name().rstrip("0123456789").removesuffix("Backward")
        name = f"{owner.get(node, type(model).__name__)}/{op}"
        counts[name] = counts.get(name, 0) + 1
        nodes[node] = name if counts[name] == 1 else f"{name}_{counts[name]}"
        return nodes[node]

    todo = [t.grad_fn for t in _tensors(result)]
    outputs = [placed(node) for node in todo if node is not None]
    drawn: set[Any] = set()
    while todo:
        node = todo.pop()
        if node is None or node in drawn or getattr(node, "variable", None) is not None:
            continue
        drawn.add(node)
        before = [following for following, _ in node.next_functions if following is not None]
        op = node.name().rstrip("0123456789").removesuffix("Backward")
        rows.append(_node(placed(node), op, [placed(b) for b in before], shapes.get(node)))
        todo.extend(before)
    rows.extend(_node(f"output/{i}", "Output", [name]) for i, name in enumerate(outputs))
    return GraphDef(node=rows, versions=VersionDef(producer=22))
