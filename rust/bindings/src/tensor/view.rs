//! Views: view, reshape, transpose, expand, as_strided.
