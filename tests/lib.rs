//! What the suites share: the program under test as a process, plain HTTP, what the exercise must count, and Kafka's tools.

pub mod http;
pub mod page_counts;
pub mod program;

use std::path::PathBuf;

use testkit::kafka::Kafka;

/// The root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the root").to_owned()
}

/// Where the suites keep what they resolve and build: inside Cargo's target directory.
#[must_use]
pub fn scratch() -> PathBuf {
    program::target_dir().join("tests-scratch")
}

/// Kafka's tools of a version, or a loud skip.
#[must_use]
pub fn kafka(version: &str) -> Option<Kafka> {
    let resolved = Kafka::resolve(version, &root().join("tests/java/kafka"), &scratch());
    testkit::require(&format!("Apache Kafka {version} through Maven"), resolved)
}
