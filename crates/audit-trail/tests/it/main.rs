//! Reading the trail and passing it on, on both stores, to real receivers.
