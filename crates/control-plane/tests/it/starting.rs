//! The binary: what it says when it cannot start, and that it does when it can.
