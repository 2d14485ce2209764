//! The disk keeps what was synced, whatever the seed, and loses the rest with some seed.

use std::path::Path;

use os::{Disk, OpenMode};

use super::{Loss, SimDisk};

const PATH: &str = "/data/a";

fn disk_with(synced: &[u8], then: &[u8]) -> SimDisk {
    let disk = SimDisk::new();
    disk.create_dir_all(Path::new("/data")).unwrap();
    disk.sync_dir(Path::new("/")).unwrap();
    let file = disk.open(Path::new(PATH), OpenMode::CreateNew).unwrap();
    disk.sync_dir(Path::new("/data")).unwrap();
    file.write_all_at(synced, 0).unwrap();
    file.sync_data().unwrap();
    file.write_all_at(then, synced.len() as u64).unwrap();
    disk
}

fn content(disk: &SimDisk) -> Option<Vec<u8>> {
    disk.read(Path::new(PATH), 1 << 20).ok()
}

#[test]
fn synced_bytes_survive_and_unsynced_ones_may_tear() {
    let (synced, then) = (vec![1; 700], vec![2; 3000]);
    let disk = disk_with(&synced, &then);
    let mut lengths = std::collections::BTreeSet::new();
    let mut torn = 0;
    for seed in 0..200 {
        let after = content(&disk.reboot(Loss::Random, seed)).unwrap();
        assert!(after.starts_with(&synced));
        lengths.insert(after.len());
        let tail = &after[synced.len()..];
        torn += usize::from(tail.contains(&2) && tail.contains(&0));
    }
    assert_eq!(lengths.into_iter().collect::<Vec<_>>(), [700, 3700]);
    assert!(torn > 0);
    assert_eq!(content(&disk.reboot(Loss::All, 0)).unwrap(), synced);
    assert_eq!(content(&disk.reboot(Loss::Nothing, 0)).unwrap(), [synced, then].concat());
}

#[test]
fn names_need_their_directory_synced() {
    let disk = SimDisk::new();
    disk.create_dir_all(Path::new("/data")).unwrap();
    let file = disk.open(Path::new(PATH), OpenMode::Write).unwrap();
    file.write_all_at(b"x", 0).unwrap();
    file.sync_all().unwrap();
    assert_eq!(content(&disk.reboot(Loss::All, 0)), None);
    disk.sync_dir(Path::new("/data")).unwrap();
    assert_eq!(content(&disk.reboot(Loss::All, 0)), None, "the directory itself is not durable yet");
    disk.sync_dir(Path::new("/")).unwrap();
    assert_eq!(content(&disk.reboot(Loss::All, 0)).unwrap(), b"x");
    disk.replace(Path::new(PATH), b"yy").unwrap();
    assert_eq!(content(&disk.reboot(Loss::All, 0)).unwrap(), b"yy");
}

#[test]
fn power_goes_between_two_operations() {
    let disk = disk_with(b"a", b"b");
    let done = disk.operations();
    disk.cut_power_at(done + 1);
    let file = disk.open(Path::new(PATH), OpenMode::Write).unwrap();
    file.write_all_at(b"c", 2).unwrap();
    assert!(file.sync_data().is_err());
    assert!(disk.is_off());
    assert_eq!(content(&disk.reboot(Loss::All, 0)).unwrap(), b"a");
}

#[test]
fn a_failed_sync_loses_the_bytes_for_good() {
    let disk = disk_with(b"a", b"b");
    disk.fail_syncs(1);
    let file = disk.open(Path::new(PATH), OpenMode::Write).unwrap();
    assert!(file.sync_data().is_err());
    file.sync_data().unwrap();
    assert_eq!(content(&disk.reboot(Loss::All, 0)).unwrap(), b"a\0", "the length came, the byte never did");
}

#[test]
fn a_full_disk_refuses_the_whole_write() {
    let disk = disk_with(b"abcd", b"");
    disk.set_capacity(Some(6));
    let file = disk.open(Path::new(PATH), OpenMode::Write).unwrap();
    let error = file.write_all_at(b"efg", 4).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    file.write_all_at(b"ef", 4).unwrap();
    assert_eq!(disk.space(Path::new("/data")).unwrap().free_bytes, 0);
}

#[test]
fn a_killed_process_leaves_everything_and_makes_nothing_durable() {
    let disk = disk_with(b"a", b"b");
    let after = disk.kill();
    assert_eq!(content(&after).unwrap(), b"ab");
    assert!(disk.open(Path::new(PATH), OpenMode::Write).is_err(), "the dead process is refused");
    assert_eq!(content(&after.reboot(Loss::All, 0)).unwrap(), b"a", "the next crash loses what nobody synced");
    after.open(Path::new(PATH), OpenMode::Write).unwrap().sync_data().unwrap();
    assert_eq!(content(&after.reboot(Loss::All, 0)).unwrap(), b"ab");
}

#[test]
fn names_and_bytes_are_lost_apart() {
    let disk = disk_with(b"a", b"b");
    disk.rename(Path::new(PATH), Path::new("/data/b")).unwrap();
    let moved = |disk: &SimDisk| disk.read(Path::new("/data/b"), 1 << 20).ok();
    assert_eq!(content(&disk.reboot(Loss::Names, 0)).unwrap(), b"ab");
    assert_eq!(moved(&disk.reboot(Loss::Bytes, 0)).unwrap(), b"a");
}

#[test]
fn the_system_writes_back_older_generations_by_itself() {
    let mut found = std::collections::BTreeSet::new();
    for seed in 0..200 {
        let disk = disk_with(b"", b"");
        disk.write_back(seed);
        let file = disk.open(Path::new(PATH), OpenMode::Write).unwrap();
        for generation in [b"1", b"2", b"3"] {
            file.write_all_at(generation, 0).unwrap();
        }
        found.insert(content(&disk.reboot(Loss::All, 0)).unwrap());
        assert_eq!(content(&disk.reboot(Loss::Nothing, 0)).unwrap(), b"3");
        file.sync_data().unwrap();
        assert_eq!(content(&disk.reboot(Loss::All, 0)).unwrap(), b"3");
    }
    let found: Vec<_> = found.into_iter().collect();
    assert_eq!(found, [&b""[..], &[0], b"1", b"2"].map(<[u8]>::to_vec), "never the last one, and each before it");
}
