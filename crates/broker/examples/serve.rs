//! A broker on a port: `cargo run -p broker --example serve -- DATA_DIR [HOST:PORT] [fsync|os]`.

use std::error::Error;

use broker::net::{Limits, Server, bind};
use broker::{Broker, BrokerOptions, Durability};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let data_dir = args.next().ok_or("usage: serve DATA_DIR [HOST:PORT] [fsync|os]")?;
    let listen = args.next().unwrap_or_else(|| "localhost:9092".to_owned());
    let mut options = BrokerOptions::new(data_dir);
    if args.next().as_deref() == Some("os") {
        options.durability = Durability::Os;
    }
    let broker = Broker::open(options)?;
    let listeners = bind(&listen)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let server = Server::start(&broker, listeners, Limits::default())?;
        for address in server.addresses() {
            eprintln!("listening on {address}");
        }
        tokio::signal::ctrl_c().await?;
        server.shutdown().await;
        Ok::<_, std::io::Error>(())
    })?;
    broker.shutdown()?;
    Ok(())
}
