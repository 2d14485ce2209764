//! What the console tools share: how to reach a cluster, and what its errors mean to a shell.

use clap::Args;
use client::{Client, ClientError, ClientOptions};

use super::{Exit, Failure};

/// How to reach a cluster: ours or any other Kafka.
#[derive(Clone, Debug, Args)]
pub struct ClusterFlags {
    /// One or more brokers, with commas between.
    #[arg(
        long = "bootstrap-server",
        short = 'b',
        visible_alias = "bootstrap-servers",
        aliases = ["brokers", "broker-list"],
        value_name = "HOST:PORT",
        env = "KAFKA_BOOTSTRAP_SERVERS",
        default_value = "localhost:9092"
    )]
    bootstrap: String,
}

impl ClusterFlags {
    pub(super) async fn connect(&self, client_id: &str) -> Result<Client, Failure> {
        let options = ClientOptions { client_id: client_id.to_owned(), ..ClientOptions::new(&self.bootstrap) };
        Client::connect(options).await.map_err(Failure::from)
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let exit = match &error {
            ClientError::InvalidAddress(_) => Exit::Usage,
            e if e.is_unreachable() => Exit::Unreachable,
            e if e.is_not_found() => Exit::NotFound,
            _ => Exit::Failed,
        };
        Failure::new(exit, error)
    }
}

/// Splits `name=value`.
pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("`{text}` is not NAME=VALUE"))?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

/// A property's truth, as Kafka's tools read it: `true` in any case.
pub(super) fn is_true(value: &str) -> bool {
    value.trim().eq_ignore_ascii_case("true")
}
