//! How the tiles of minimal filtering (`winograd.rs`) are cut into bands of about equal size, and where the numbers of a
//! band are.

use super::Conv2d;

/// Bytes of transformed tiles that a band should not exceed.
const NEAR: usize = 1 << 19;

/// How the tiles are cut. In a band tile (image, row, column) has number `(row * images + image) * wide +
/// column`.
#[derive(Clone, Copy)]
pub(super) struct Bands {
    /// Rows and columns of tiles in an image.
    tall: usize,
    pub(super) wide: usize,
    /// Images and rows of tiles in a band.
    pub(super) images: usize,
    pub(super) rows: usize,
    /// Numbers of a band, a multiple of the columns of a block.
    pub(super) lanes: usize,
    /// Bands of an image, and bands in all.
    across: usize,
    pub(super) count: usize,
}

impl Bands {
    /// The cut with the fewest numbers that are no tiles, among those whose transformed tiles stay near. `side` is M,
    /// `number` the bytes of one tile in all channels.
    pub(super) fn new(d: &Conv2d, side: usize, columns: usize, number: usize) -> Self {
        let (tall, wide) = (d.out_h().div_ceil(side), d.out_w().div_ceil(side));
        let most = (NEAR / number).next_multiple_of(columns).max(2 * columns).max(wide);
        let cut = |images: usize, rows: usize| {
            let lanes = (images * rows * wide).next_multiple_of(columns);
            let across = tall.div_ceil(rows);
            Self { tall, wide, images, rows, lanes, across, count: across * d.n.div_ceil(images) }
        };
        let images = 1..=d.n.min(most / wide).max(1);
        let cuts = images.flat_map(|m| (1..=tall.min(most / (m * wide)).max(1)).map(move |r| (m, r)));
        let cuts = cuts.map(|(m, r)| cut(m, r));
        cuts.min_by_key(|c| (c.count * c.lanes, c.count)).unwrap_or_else(|| cut(1, 1))
    }

    /// Band number `at`, of `images` images in all.
    pub(super) fn at(&self, images: usize, at: usize) -> Band {
        let (image, row) = (at / self.across * self.images, at % self.across * self.rows);
        Band { image, images: self.images.min(images - image), row, rows: self.rows.min(self.tall - row) }
    }

    /// From one row of tiles to the next.
    pub(super) fn row(&self) -> usize {
        self.images * self.wide
    }

    /// From one position of the transformed tiles, or of the sums, to the next: not a power of two, or all would share a
    /// set of the cache.
    pub(super) fn pitch(&self, channels: usize) -> usize {
        channels * self.lanes + 16
    }

    /// Numbers of one phase of the inputs of a band, with room for the last register of up to 16 numbers.
    pub(super) fn phase(&self) -> usize {
        self.row() + self.lanes + 16
    }

    /// Numbers of a padded row of inputs, with room for the last register of tiles.
    pub(super) fn line<const M: usize>(&self, register: usize) -> usize {
        M * self.wide.next_multiple_of(register) + 8
    }
}

/// One band: the images and the rows of tiles it really has.
pub(super) struct Band {
    pub(super) image: usize,
    pub(super) images: usize,
    pub(super) row: usize,
    pub(super) rows: usize,
}
