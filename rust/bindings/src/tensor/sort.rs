//! sort, argsort, topk, unique.
