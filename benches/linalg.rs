//! Factorisations of matrices and what is solved with them.

use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use tensorrs_benches::tensor;

fn linalg(c: &mut Criterion) {
    let mut group = c.benchmark_group("linalg");
    let (x, b) = (tensor(&[128, 128]), tensor(&[128, 16]));
    let spd = x.matmul(&x.transpose(0, 1).expect("a matrix")).expect("shapes fit");
    group.bench_function("solve 128", |bench| {
        bench.iter(|| black_box(&x).solve_ex(&b, true, false).expect("shapes fit"))
    });
    group.bench_function("inverse 128", |bench| {
        bench.iter(|| black_box(&x).inv_ex(false).expect("a square matrix"))
    });
    group.bench_function("cholesky 128", |bench| {
        bench.iter(|| black_box(&spd).cholesky_ex(false, false).expect("a square matrix"))
    });
    group.bench_function("qr 128", |bench| bench.iter(|| black_box(&x).qr("reduced").expect("a matrix")));
    group.bench_function("eigh 128", |bench| {
        bench.iter(|| black_box(&spd).eigh("L", true).expect("a square matrix"))
    });
    group.bench_function("svd 128", |bench| bench.iter(|| black_box(&x).svd(false, true).expect("a matrix")));
    group.finish();
}

criterion_group!(benches, linalg);
criterion_main!(benches);
