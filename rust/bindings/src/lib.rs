//! `tensorrs._C`: arguments in, calls to the core, objects and exceptions out. No arithmetic here.
#![allow(non_snake_case)] // the library is named after the module, `_C`

mod args;
mod autocast;
mod border;
mod buffer;
mod device;
mod dlpack;
mod files;
mod function;
mod interop;
mod layers;
mod node;
mod numpy_names;
mod object;
mod out;
mod pickle;
mod safetensors;
mod settings;
mod tensor;
mod types;

#[pyo3::pymodule(name = "_C")]
mod module {
    use pyo3::prelude::*;
    use tensorrs_core::DType;

    #[pymodule_export]
    use crate::autocast::{
        _autocast_call, _autocast_on, autocast_decrement_nesting, autocast_increment_nesting,
        clear_autocast_cache, get_autocast_dtype, is_autocast_available, is_autocast_cache_enabled,
        is_autocast_enabled, set_autocast_cache_enabled, set_autocast_dtype, set_autocast_enabled,
    };
    #[pymodule_export]
    use crate::border::PyTensor;
    #[pymodule_export]
    use crate::buffer::frombuffer;
    #[pymodule_export]
    use crate::device::{PyDevice, get_default_device, set_default_device};
    #[pymodule_export]
    use crate::dlpack::from_dlpack;
    #[pymodule_export]
    use crate::files::{crc32, start_writing};
    #[pymodule_export]
    use crate::function::Function;
    #[pymodule_export]
    use crate::interop::from_numpy;
    #[pymodule_export]
    use crate::layers::equip_module;
    #[pymodule_export]
    use crate::layers::stock::stock_layers;
    #[pymodule_export]
    use crate::node::{
        _set_anomaly, _set_grad_enabled, _set_inference_mode, PyNode, is_anomaly_enabled, is_grad_enabled,
        is_inference_mode_enabled, record_function,
    };
    #[pymodule_export]
    use crate::pickle::unpickle;
    #[pymodule_export]
    use crate::safetensors::{safetensors_read, safetensors_write};
    #[pymodule_export]
    use crate::settings::{
        can_cast, get_conv_precision, get_cpu_capability, get_default_dtype, get_num_interop_threads,
        get_num_threads, print_options, promote_types, result_type, set_conv_precision, set_default_dtype,
        set_num_interop_threads, set_num_threads, set_print_options,
    };
    #[pymodule_export]
    use crate::tensor::activation::{
        celu, celu_, elu, elu_, gelu, hardshrink, hardsigmoid, hardsigmoid_, hardswish, hardswish_, hardtanh,
        hardtanh_, leaky_relu, leaky_relu_, logsigmoid, mish, mish_, relu, relu_, selu, selu_, silu, silu_,
        softplus, softshrink, threshold, threshold_,
    };
    #[pymodule_export]
    use crate::tensor::activation::{glu, prelu, rrelu, rrelu_};
    #[pymodule_export]
    use crate::tensor::autograd::{run_backward, run_grad};
    #[pymodule_export]
    use crate::tensor::bags::embedding_bag;
    #[pymodule_export]
    use crate::tensor::blend::choose;
    #[pymodule_export]
    use crate::tensor::contract::{block_diag, einsum, tensordot};
    #[pymodule_export]
    use crate::tensor::conv::{
        col2im, conv_tbc, conv_transpose1d, conv_transpose2d, conv_transpose3d, conv1d, conv2d, conv3d,
        convolution, im2col,
    };
    #[pymodule_export]
    use crate::tensor::convert::{tensor_from_bytes, tensor_over, tensor_to_bytes};
    #[pymodule_export]
    use crate::tensor::create::{
        arange, empty, empty_like, empty_strided, eye, full, full_like, linspace, ones, ones_like, range,
        zeros, zeros_like,
    };
    #[pymodule_export]
    use crate::tensor::distance::{_cdist, _pdist};
    #[pymodule_export]
    use crate::tensor::dropout::{
        alpha_dropout, alpha_dropout_, dropout, dropout_, feature_alpha_dropout, feature_alpha_dropout_,
        feature_dropout, feature_dropout_,
    };
    #[pymodule_export]
    use crate::tensor::embedding::{embedding, one_hot, pad};
    #[pymodule_export]
    use crate::tensor::join::{
        cat, column_stack, concat, concatenate, dstack, hstack, row_stack, stack, vstack,
    };
    #[pymodule_export]
    use crate::tensor::linalg::{
        _linalg_cholesky_ex, _linalg_det, _linalg_eigh, _linalg_householder_product, _linalg_inv_ex,
        _linalg_ldl_factor_ex, _linalg_ldl_solve, _linalg_lstsq, _linalg_lu, _linalg_lu_factor_ex,
        _linalg_lu_solve, _linalg_lu_unpack, _linalg_matrix_exp, _linalg_pinv, _linalg_qr, _linalg_slogdet,
        _linalg_solve_ex, _linalg_solve_triangular, _linalg_svd,
    };
    #[pymodule_export]
    use crate::tensor::literal::tensor;
    #[pymodule_export]
    use crate::tensor::loss::{
        binary_cross_entropy, binary_cross_entropy_with_logits, cross_entropy, huber_loss, kl_div, l1_loss,
        mse_loss, nll_loss, smooth_l1_loss,
    };
    #[pymodule_export]
    use crate::tensor::margins::{
        cosine_embedding_loss, ctc_loss, hinge_embedding_loss, margin_ranking_loss, multi_margin_loss,
        multilabel_margin_loss, poisson_nll_loss, soft_margin_loss, triplet_margin_loss,
    };
    #[pymodule_export]
    use crate::tensor::matmul::linear;
    #[pymodule_export]
    use crate::tensor::norm::{
        batch_norm, group_norm, instance_norm, layer_norm, native_batch_norm, native_group_norm,
        native_layer_norm, rms_norm,
    };
    #[pymodule_export]
    use crate::tensor::optim::{adam_step, rule_step, sgd_step};
    #[pymodule_export]
    use crate::tensor::pool::{
        adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d, adaptive_max_pool1d,
        adaptive_max_pool2d, adaptive_max_pool3d, avg_pool1d, avg_pool2d, avg_pool3d, fractional_max_pool2d,
        fractional_max_pool3d, max_pool1d, max_pool1d_with_indices, max_pool2d, max_pool2d_with_indices,
        max_pool3d, max_pool3d_with_indices, max_unpool2d, max_unpool3d,
    };
    #[pymodule_export]
    use crate::tensor::random::{
        _default_generator, PyGenerator, binomial, normal, poisson, rand, rand_like, randint, randint_like,
        randn, randn_like, randperm,
    };
    #[pymodule_export]
    use crate::tensor::rearrange::{constant_pad_nd, repeat_interleave};
    #[pymodule_export]
    use crate::tensor::recurrent::{recurrent, recurrent_cell, scaled_dot_product_attention};
    #[pymodule_export]
    use crate::tensor::resize::{
        affine_grid_generator, channel_shuffle, grid_sampler, grid_sampler_2d, grid_sampler_3d,
        native_channel_shuffle, pixel_shuffle, pixel_unshuffle, upsample,
    };
    #[pymodule_export]
    use crate::tensor::search::{bin_edges, bucketize, histogram_nd, isin, searchsorted};
    #[pymodule_export]
    use crate::tensor::special::{_special, _special_pair};
    #[pymodule_export]
    use crate::tensor::stats::linalg_vector_norm;
    #[pymodule_export]
    use crate::tensor::unary::polygamma;
    #[pymodule_export]
    use crate::types::PyDType;

    #[pymodule_init]
    fn init(m: &Bound<'_, PyModule>) -> PyResult<()> {
        crate::buffer::offer(&m.py().get_type::<PyTensor>())?;
        crate::numpy_names::offer(&m.py().get_type::<PyTensor>())?;
        m.add("_LinAlgError", m.py().get_type::<crate::border::_LinAlgError>())?;
        m.add("__version__", env!("CARGO_PKG_VERSION"))?;
        for d in DType::ALL {
            m.add(d.name(), crate::types::dtype(m.py(), d)?)?;
        }
        Ok(())
    }
}
