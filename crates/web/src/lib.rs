//! REST, server-sent events, the user's own endpoints, metrics, health, and the embedded console.
//!
//! Owns: `docs/http.md`, on one port; what a browser is allowed to do ([`safety`]); the built console (`ui/dist`).
//! Never: holds logic that the CLI cannot reach too: every answer is one call of `runtime`.
//!
//! - [`server`] — listeners, connections and their limits, graceful stop.
//! - [`safety`] — who may ask, and who may write: Host, Origin, `Sec-Fetch-*`.
//! - `routes` — one file per section of `docs/http.md`.
//! - `assets` — the console's files.
//! - `places` — how many connections and live streams one address may have.
//! - `problem` — errors as `application/problem+json`.
//! - `stream` — the live stream of pages, and the tickers of endpoints.

mod assets;
mod places;
mod problem;
mod routes;
pub mod safety;
pub mod server;
mod stream;

#[cfg(test)]
mod tests;

pub use server::{About, Server, WebOptions};
