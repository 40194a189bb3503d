//! Variance, standard deviation, norms, logsumexp: reductions made of others.
