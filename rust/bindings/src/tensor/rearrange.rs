//! Copies in another order: flip, roll, tile, repeat, tril, triu, pad.
