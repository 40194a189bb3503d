//! Views that rearrange: permute, squeeze, flatten, unfold, diagonal, and their kin.
