"""Tables of embeddings in 8 bits: a scale for each row, for a rare word's may be tiny."""

from __future__ import annotations

from typing import Any

import numpy as np

# Shorter ones, as of positions, take no room.
LONG = 1000
LARGEST = 127


def quantize_tables(model: Any) -> None:
    """Replace each long table that rows are taken from, in an ONNX model, by one of 8 bits.

    The rows that are looked up become float32 again, so nothing else changes. One scale for the
    whole table, which onnxruntime's quantiser takes, is set by its largest row.
    """
    import onnx

    graph = model.graph
    known = {one.name: one for one in graph.initializer}
    for node in [one for one in graph.node if one.op_type == "Gather"]:
        table = known.get(node.input[0])
        if table is None or len(table.dims) != 2 or table.dims[0] < LONG:
            continue
        if table.data_type != onnx.TensorProto.FLOAT or _axis(node) != 0:
            continue
        _replace(graph, node, table)
    used = {name for node in graph.node for name in node.input}
    for name, table in known.items():
        if name not in used:
            graph.initializer.remove(table)


def _replace(graph: Any, node: Any, table: Any) -> None:
    import onnx
    from onnx import helper, numpy_helper

    values = numpy_helper.to_array(table)
    scales = np.maximum(np.abs(values).max(1, keepdims=True), np.finfo(np.float32).tiny) / LARGEST
    # Named after what is taken: a table may be looked up twice.
    rows, ids, out = (f"{node.output[0]}_{part}" for part in ("rows", "scales", "whole"))
    graph.initializer.extend(
        [
            numpy_helper.from_array(np.rint(values / scales).astype(np.int8), f"{rows}_table"),
            numpy_helper.from_array(scales.astype(np.float32), f"{ids}_table"),
        ]
    )
    made = [
        helper.make_node("Gather", [f"{rows}_table", node.input[1]], [rows]),
        helper.make_node("Cast", [rows], [out], to=onnx.TensorProto.FLOAT),
        helper.make_node("Gather", [f"{ids}_table", node.input[1]], [ids]),
        helper.make_node("Mul", [out, ids], [node.output[0]]),
    ]
    place = list(graph.node).index(node)
    graph.node.remove(node)
    for number, one in enumerate(made):
        graph.node.insert(place + number, one)


def _axis(node: Any) -> int:
    return next((int(one.i) for one in node.attribute if one.name == "axis"), 0)
