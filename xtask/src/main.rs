//! What maintainers run: code generation, checks, pages.

fn main() {}
