//! Listening, and frames that lie.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener as AsyncListener, TcpStream};

use super::frame::{Budget, FrameError, Frames};
use super::{BindError, Limits, bind};

#[test]
fn a_busy_port_names_its_owner_and_a_way_out() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("bound").port();
    for listen in [format!("127.0.0.1:{port}"), format!("localhost:{port}")] {
        let e = bind(&listen).expect_err("taken");
        assert!(matches!(e, BindError::Busy { .. }), "{e:?}");
        let text = e.to_string();
        assert!(text.contains(&format!("port {port} is taken by ")), "{text}");
        assert!(text.contains(&format!("(pid {})", std::process::id())), "{text}");
        assert!(text.contains("is free (0 picks any)"), "{text}");
    }
}

#[test]
fn localhost_is_both_loopback_addresses_on_one_port() {
    let listeners = bind("localhost:0").expect("free");
    let addresses: Vec<SocketAddr> = listeners.iter().map(|listener| listener.local_addr().expect("bound")).collect();
    assert!(addresses.iter().all(|address| address.port() == addresses[0].port() && address.port() != 0));
    assert!(addresses.iter().all(|address| address.ip().is_loopback()), "{addresses:?}");
}

#[test]
fn addresses_that_are_none() {
    for listen in ["", "9092", "localhost", "localhost:x", "localhost:99999"] {
        assert!(matches!(bind(listen), Err(BindError::Malformed(_))), "{listen}");
    }
}

#[test]
fn frames_are_bounded_by_what_they_may_be() {
    const PRODUCE: [u8; 2] = [0, 0];
    const FETCH: [u8; 2] = [0, 1];
    let check = |size: i32, key: [u8; 2], expected: &str| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let got = runtime.block_on(async {
            let listener = AsyncListener::bind("127.0.0.1:0").await.expect("bound");
            let mut client = TcpStream::connect(listener.local_addr().expect("bound")).await.expect("connected");
            let (server, _) = listener.accept().await.expect("accepted");
            client.write_all(&size.to_be_bytes()).await.expect("written");
            client.write_all(&key).await.expect("written");
            client.write_all(&[7; 6]).await.expect("written");
            drop(client);
            let mut frames = Frames::new(server.into_split().0, Budget::new(1 << 30, 1 << 30));
            match frames.size(&Limits::default()).await {
                Err(e) => e.to_string(),
                Ok(size) => match frames.take(size, &Limits::default()).await {
                    Ok((frame, _)) => format!("frame of {}", frame.len()),
                    Err(FrameError::Io(e)) => format!("cut: {:?}", e.kind()),
                    Err(e) => e.to_string(),
                },
            }
        });
        assert!(got.contains(expected), "{size} {key:?}: {got}");
    };
    check(8, FETCH, "frame of 8");
    check(7, FETCH, "not a Kafka request");
    check(0, FETCH, "not a Kafka request");
    check(-1, FETCH, "not a Kafka request");
    check(i32::MIN, PRODUCE, "not a Kafka request");
    check(4 << 20, FETCH, "cut: UnexpectedEof");
    check((4 << 20) + 1, FETCH, "larger than the 4194304 allowed");
    check((4 << 20) + 1, PRODUCE, "cut: UnexpectedEof");
    check(100 << 20, PRODUCE, "cut: UnexpectedEof");
    check((100 << 20) + 1, PRODUCE, "larger than the 104857600 allowed");
    check(i32::MAX, PRODUCE, "larger than");
    // "GET / HTTP/1.1" read as a length.
    check(i32::from_be_bytes(*b"GET "), FETCH, "is this a Kafka client?");
}

#[test]
fn a_frame_arrives_in_crumbs_and_two_at_once() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = AsyncListener::bind("127.0.0.1:0").await.expect("bound");
        let mut client = TcpStream::connect(listener.local_addr().expect("bound")).await.expect("connected");
        let (server, _) = listener.accept().await.expect("accepted");
        let mut bytes = Vec::new();
        for fill in [1_u8, 2] {
            bytes.extend_from_slice(&20_000_i32.to_be_bytes());
            bytes.extend(std::iter::repeat_n(fill, 20_000));
        }
        let writing = tokio::spawn(async move {
            let (crumbs, rest) = bytes.split_at(10);
            for crumb in crumbs {
                client.write_all(&[*crumb]).await.expect("written");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            client.write_all(rest).await.expect("written");
        });
        let mut frames = Frames::new(server.into_split().0, Budget::new(1 << 30, 1 << 30));
        for fill in [1_u8, 2] {
            frames.wait().await.expect("more");
            let size = frames.size(&Limits::default()).await.expect("a size");
            let (frame, _) = frames.take(size, &Limits::default()).await.expect("a frame");
            assert_eq!(frame.len(), 20_000);
            assert!(frame.iter().all(|byte| *byte == fill));
        }
        writing.await.expect("written");
    });
}

#[test]
fn large_frames_share_a_budget_and_small_ones_do_not_need_it() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = AsyncListener::bind("127.0.0.1:0").await.expect("bound");
        let limits = Limits::default();
        let budget = Budget::new(150 << 10, 0);
        let mut connections = Vec::new();
        for size in [100_000_usize, 100_000, 1000] {
            let mut client = TcpStream::connect(listener.local_addr().expect("bound")).await.expect("connected");
            let (server, _) = listener.accept().await.expect("accepted");
            let frames = Frames::new(server.into_split().0, Arc::clone(&budget));
            connections.push((frames, size));
            tokio::spawn(async move {
                client.write_all(&(size as u32).to_be_bytes()).await.expect("written");
                client.write_all(&vec![0; size]).await.expect("written");
                std::future::pending::<()>().await;
            });
        }
        let (mut small, size) = connections.pop().expect("three");
        let (mut second, second_size) = connections.pop().expect("two");
        let (mut first, first_size) = connections.pop().expect("one");
        let (_, first_share) = first.take(first_size, &limits).await.expect("fits");
        assert!(first_share.is_some());
        let waits = tokio::time::timeout(Duration::from_millis(50), second.take(second_size, &limits)).await;
        assert!(waits.is_err(), "the budget is used up");
        assert!(small.take(size, &limits).await.expect("needs none").1.is_none());
        drop(first_share);
        assert!(second.take(second_size, &limits).await.expect("fits now").1.is_some());
    });
}

#[test]
fn who_holds_much_and_sends_nothing_is_cut_when_others_wait() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = AsyncListener::bind("127.0.0.1:0").await.expect("bound");
        let limits = Limits { pressed_frame_timeout: Duration::from_millis(50), ..Limits::default() };
        let budget = Budget::new(150 << 10, 0);
        let mut connections = Vec::new();
        for sent in [70_000_usize, 100_000] {
            let mut client = TcpStream::connect(listener.local_addr().expect("bound")).await.expect("connected");
            let (server, _) = listener.accept().await.expect("accepted");
            connections.push(Frames::new(server.into_split().0, Arc::clone(&budget)));
            tokio::spawn(async move {
                client.write_all(&100_000_u32.to_be_bytes()).await.expect("written");
                client.write_all(&vec![0; sent]).await.expect("written");
                std::future::pending::<()>().await;
            });
        }
        let [stalls, whole] = &mut connections[..] else { panic!("two") };
        let (stalled, whole) = tokio::join!(stalls.take(100_000, &limits), async {
            // The other one has its share first.
            while budget.left() == 150 << 10 {
                tokio::task::yield_now().await;
            }
            whole.take(100_000, &limits).await
        });
        assert!(matches!(stalled, Err(FrameError::Timeout)), "{stalled:?}");
        assert!(whole.is_ok(), "{whole:?}");
    });
}
