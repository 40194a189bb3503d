//! Constructors: tensor, zeros, arange, and their kin.
