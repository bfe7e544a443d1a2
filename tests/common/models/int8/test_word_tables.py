"""A table in 8 bits: the rows that are taken from it are nearly what they were."""

from __future__ import annotations

import numpy as np
import pytest

from common.models.int8.tables import LONG, quantize_tables

onnx = pytest.importorskip("onnx", reason="needs the extra `onnx`")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra `onnx`")


def test_rows_of_any_size_stay_and_the_file_is_a_quarter() -> None:
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(0)
    table = random.normal(size=(LONG, 64)).astype(np.float32)
    # One scale for all would leave nothing of the first row.
    table *= np.linspace(1e-6, 100, LONG, dtype=np.float32)[:, None]
    table[7] = 0
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "ids"], ["rows"])],
        "graph",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, [None])],
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, [None, 64])],
        [numpy_helper.from_array(table, "table")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    before = len(model.SerializeToString())
    quantize_tables(model)
    onnx.checker.check_model(model)
    after = model.SerializeToString()
    assert len(after) < before * 0.3
    session = onnxruntime.InferenceSession(after, providers=["CPUExecutionProvider"])
    ids = np.array([0, 7, 500, LONG - 1])
    [rows] = session.run(["rows"], {"ids": ids})
    largest = np.abs(table[ids]).max(1, keepdims=True)
    assert (np.abs(rows - table[ids]) <= largest / 250 + 1e-12).all()
