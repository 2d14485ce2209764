//! One Apache Kafka broker as a process.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use testkit::Process;
use testkit::kafka::{KAFKA_4, Kafka};

pub struct Broker {
    bootstrap: String,
    directory: PathBuf,
    _process: Process,
}

impl Broker {
    /// Formats a directory and starts a broker on free ports; waits until it accepts connections.
    pub fn start() -> Result<Self, String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let kafka = Kafka::resolve(KAFKA_4, &root.join("tests/java/kafka"), &root.join("target/test-tools"))?;
        let directory = std::env::temp_dir().join(format!("millstream-client-kafka-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory).map_err(|error| error.to_string())?;
        let (port, controller_port) = (free_port()?, free_port()?);
        let properties = directory.join("server.properties");
        let text = format!(
            "process.roles=broker,controller\nnode.id=1\n\
             controller.quorum.voters=1@127.0.0.1:{controller_port}\ncontroller.listener.names=CONTROLLER\n\
             listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}\n\
             advertised.listeners=PLAINTEXT://127.0.0.1:{port}\n\
             listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
             log.dirs={}\noffsets.topic.replication.factor=1\noffsets.topic.num.partitions=5\n\
             transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n\
             transaction.state.log.num.partitions=5\ngroup.initial.rebalance.delay.ms=0\n\
             share.coordinator.state.topic.replication.factor=1\nshare.coordinator.state.topic.min.isr=1\n",
            directory.join("data").display(),
        );
        std::fs::write(&properties, text).map_err(|error| error.to_string())?;
        let properties = properties.display().to_string();
        let cluster_id = "AAAAAAAAAAAAAAAAAAAAAQ";
        let formatted = kafka.run("kafka.tools.StorageTool", &["format", "-t", cluster_id, "-c", &properties], "");
        if !formatted.success() {
            return Err(format!("cannot format: {}", formatted.text()));
        }
        let mut process = Process::start(&mut kafka.command("kafka.Kafka", &[&properties]));
        let bootstrap = format!("127.0.0.1:{port}");
        let deadline = Instant::now() + Duration::from_secs(60);
        while std::net::TcpStream::connect(&bootstrap).is_err() {
            if Instant::now() > deadline || process.wait(Duration::from_millis(200)).is_some() {
                return Err(format!("Kafka does not come up: {}", process.stderr.all().join("\n")));
            }
        }
        Ok(Self { bootstrap, directory, _process: process })
    }

    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    Ok(listener.local_addr().map_err(|error| error.to_string())?.port())
}
