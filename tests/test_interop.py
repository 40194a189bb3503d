"""NumPy, DLPack and the buffer protocol: memory is shared both ways, with strides and read-only flags."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from under_test import NAME, T, dtype, dtype_name

NUMPY = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]


@pytest.mark.parametrize("name", NUMPY)
def test_from_numpy_shares(name: str) -> None:
    array = np.arange(6).reshape(2, 3).astype(name)
    x = T.from_numpy(array)
    assert dtype_name(x) == name
    assert x.data_ptr() == array.ctypes.data
    array[0, 0] = 1
    assert x[0, 0].item() == 1
    x[1, 2] = 0
    assert array[1, 2] == 0


@pytest.mark.parametrize("name", NUMPY)
def test_numpy_shares(name: str) -> None:
    x = T.ones(2, 3, dtype=dtype(name))
    array = x.numpy()
    assert array.dtype == np.dtype(name)
    assert array.shape == (2, 3)
    assert array.ctypes.data == x.data_ptr()
    x[0, 0] = 0
    assert array[0, 0] == 0
    assert array.flags.writeable


def test_numpy_keeps_the_memory() -> None:
    array = T.arange(1000.0).numpy()
    T.zeros(1000)
    assert array[999] == 999
    x = T.from_numpy(np.arange(1000.0))
    assert x[999].item() == 999


def test_strides_both_ways() -> None:
    array = np.arange(24.0).reshape(2, 3, 4).transpose(2, 0, 1)[1::2]
    x = T.from_numpy(array)
    assert x.stride() == (2, 12, 4)
    assert x.tolist() == array.tolist()
    back = x.t().numpy() if x.dim() == 2 else x.permute(1, 2, 0).numpy()
    assert back.tolist() == array.transpose(1, 2, 0).tolist()
    assert T.zeros(3).expand(2, 3).numpy().strides == (0, 4)
    assert T.zeros(0, 3).numpy().shape == (0, 3)
    assert T.tensor(5.0).numpy().shape == ()


def test_what_numpy_arrays_are_refused() -> None:
    with pytest.raises(ValueError, match="At least one stride in the given numpy array is negative"):
        T.from_numpy(np.arange(3)[::-1])
    with pytest.raises(TypeError, match="can't convert np.ndarray of type numpy.object_"):
        T.from_numpy(np.array([None]))
    with pytest.raises(TypeError, match="expected np.ndarray \\(got list\\)"):
        T.from_numpy([1, 2])
    with pytest.raises((TypeError, ValueError), match="byte order|can't convert"):
        T.from_numpy(np.arange(3, dtype=">i4"))


def test_what_numpy_refuses() -> None:
    with pytest.raises(TypeError, match="Got unsupported ScalarType BFloat16"):
        T.zeros(1, dtype=T.bfloat16).numpy()
    with pytest.raises(
        RuntimeError,
        match="Can't call numpy\\(\\) on Tensor that requires grad. Use tensor.detach\\(\\).numpy\\(\\) instead",
    ):
        T.zeros(1, requires_grad=True).numpy()
    assert T.zeros(1, requires_grad=True).numpy(force=True).tolist() == [0]


def test_read_only_arrays() -> None:
    array = np.arange(3.0)
    array.flags.writeable = False
    with pytest.warns(UserWarning, match="The given NumPy array is not writable"):
        x = T.from_numpy(array)
    assert x.tolist() == [0, 1, 2]


@pytest.mark.skipif(NAME == "torch", reason="its __array__ knows no copy keyword, which NumPy 2 warns of")
def test_array_protocol() -> None:
    x = T.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert np.asarray(x).ctypes.data == x.data_ptr()
    assert np.asarray(x, dtype=np.int64).tolist() == [[1, 2], [3, 4]]
    assert np.array(x).ctypes.data != x.data_ptr()
    assert np.asarray([x[0], x[1]][0]).tolist() == [1, 2]
    assert float(np.sum(x.numpy())) == 10
    assert isinstance(np.sin(x), T.Tensor)
    assert np.concatenate([x, x]).shape == (4, 2)


@pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning")
def test_numpy_values_as_arguments() -> None:
    x = T.zeros(3)
    x[np.int64(1)] = 2.5
    assert x.tolist() == [0, 2.5, 0]
    assert T.tensor(np.float64(1.5)).dtype == T.float64
    assert T.tensor(np.int32(3)).dtype == T.int32
    assert T.tensor(np.bool_(True)).dtype == T.bool
    assert T.tensor(np.arange(3)).dtype == T.int64
    assert T.tensor([np.float32(1.0), np.float32(2.0)]).tolist() == [1, 2]
    assert T.zeros(np.int64(2), np.int32(3)).shape == (2, 3)
    assert T.ones(2).mul(np.float64(3)).dtype == T.float32
    assert T.as_tensor(np.ones(2)).data_ptr() != 0
    assert x[np.array([True, False, True])].tolist() == [0, 0]
    assert x[np.array([1, 0])].tolist() == [2.5, 0]
    assert (x + np.ones(3, dtype=np.float32)).tolist() == [1, 3.5, 1]
    assert T.tensor([np.ones(2), np.zeros(2)]).shape == (2, 2) if NAME != "torch" else True


def test_tensor_of_array_copies_and_as_tensor_shares() -> None:
    array = np.zeros(3, dtype=np.float32)
    assert T.tensor(array).data_ptr() != array.ctypes.data
    assert T.as_tensor(array).data_ptr() == array.ctypes.data
    assert T.as_tensor(array, dtype=T.float64).data_ptr() != array.ctypes.data
    assert T.asarray(array).data_ptr() == array.ctypes.data
    x = T.ones(2)
    assert T.as_tensor(x) is x


def test_dlpack() -> None:
    x = T.arange(6.0).view(2, 3).t()
    array = np.from_dlpack(x)
    assert array.ctypes.data == x.data_ptr()
    assert array.strides == (4, 12)
    y = T.from_dlpack(np.arange(4, dtype=np.int32))
    assert y.tolist() == [0, 1, 2, 3]
    assert y.dtype == T.int32
    z = T.from_dlpack(x)
    z[0, 0] = 9
    assert x[0, 0].item() == 9
    assert x.__dlpack_device__()[0] == 1
    with pytest.raises((RuntimeError, BufferError), match="require"):
        np.from_dlpack(T.ones(1, requires_grad=True))


def test_frombuffer() -> None:
    data = bytearray(np.arange(4, dtype=np.int16).tobytes())
    x = T.frombuffer(data, dtype=T.int16)
    assert x.tolist() == [0, 1, 2, 3]
    data[0] = 7
    assert x[0].item() == 7
    assert T.frombuffer(data, dtype=T.int16, count=2, offset=2).tolist() == [1, 2]
    with pytest.raises(ValueError, match="offset"):
        T.frombuffer(data, dtype=T.int16, offset=100)
    with pytest.raises(ValueError, match="buffer length \\(3 bytes\\) after offset"):
        T.frombuffer(bytearray(3), dtype=T.int16)


@pytest.mark.skipif(NAME == "torch", reason="PyTorch's tensors offer no buffer")
def test_buffer_protocol() -> None:
    x = T.arange(6.0).view(2, 3)
    view = memoryview(x)
    assert (view.format, view.shape, view.strides, view.readonly) == ("f", (2, 3), (12, 4), False)
    assert view.tolist() == [[0, 1, 2], [3, 4, 5]]
    del view


def test_tensor_of_other_sequences() -> None:
    assert T.tensor(range(3)).tolist() == [0, 1, 2]
    assert T.tensor((1.0, 2.0)).tolist() == [1, 2]

    class Row:
        def __len__(self) -> int:
            return 2

        def __getitem__(self, k: int) -> float:
            if k > 1:
                raise IndexError
            return k + 0.5

    assert T.tensor(Row()).tolist() == [0.5, 1.5]
    import array

    buffer: Any = array.array("f", [1.0, 2.0])
    assert T.frombuffer(buffer, dtype=T.float32).tolist() == [1, 2]
