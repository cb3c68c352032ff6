//! Black-box tests of requests to services.
