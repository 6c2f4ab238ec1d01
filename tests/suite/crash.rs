//! Killed, out of space, out of power: the next pass completes it, and nothing half-written stays.

use crate::support::{Item, Laid, command, first_change, is_message, snapshot};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A store with folders, numbers and messages of several sizes.
fn store(messages: usize) -> Laid {
    let maildir = "home/vpopmail/domains/a.example/joe/Maildir";
    let folders = ["", ".Sent/", ".Archive/", ".Archive.2008/"];
    let mut text = String::new();
    for folder in &folders[1..] {
        let _ = writeln!(text, "dir {maildir}/{folder}new\ndir {maildir}/{folder}cur");
    }
    for number in 0..messages {
        let folder = folders[number % 4];
        let part = if number % 5 == 0 { "new" } else { "cur" };
        let flags = if number % 5 == 0 { "" } else { ":2,S" };
        let subject = "word".repeat(1 + 700 * (number % 3));
        let name = format!("{}.M{number}P1.mx{flags}", 1_200_000_000 + number);
        let _ = writeln!(text, "message {maildir}/{folder}{part}/{name} {subject}");
    }
    let _ = writeln!(text, "file {maildir}/courierimapuiddb\n| 1 700000000 9000");
    for number in (4..messages).step_by(4) {
        let _ = writeln!(text, "| {number} {}.M{number}P1.mx", 1_200_000_000 + number);
    }
    Laid::small(&text)
}

/// A target without what tells of the runs themselves; only messages keep their dates.
fn result(target: &Path) -> BTreeMap<PathBuf, Item> {
    let mut items = snapshot(target);
    items.retain(|path, _| {
        // The folder itself may be the root of a file system.
        !path.as_os_str().is_empty()
            && !path.starts_with("var/lib")
            && !path.starts_with("lost+found")
    });
    for (path, item) in &mut items {
        if item.kind != 'f' || !is_message(path) {
            item.mtime = (0, 0);
        }
    }
    items
}

/// Starts a pass and kills it after a while; whether it had not ended by itself.
fn killed(laid: &Laid, pass: &[&str], after: Duration) -> bool {
    let args = ["migrate".as_ref(), laid.site.as_os_str(), laid.target.as_os_str()];
    let config = ["--config".as_ref(), laid.config.as_os_str()];
    let pass = pass.iter().map(std::ffi::OsStr::new);
    let mut child = command(args.into_iter().chain(config).chain(pass))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(after);
    drop(child.kill());
    child.wait().unwrap().code().is_none()
}

/// Makes a folder what another one is.
fn copy(from: &Path, to: &Path) {
    drop(std::fs::remove_dir_all(to));
    if from.exists() {
        let copied = Command::new("cp").arg("-a").args([from, to]).status();
        assert!(copied.unwrap().success());
    }
}

/// What happens to a store between two passes: mail comes, is read, flagged, moved and deleted, and
/// a folder gets another name.
fn change(laid: &Laid) {
    let maildir = laid.site.join("home/vpopmail/domains/a.example/joe/Maildir");
    let files = |folder: &str| {
        let entries = std::fs::read_dir(maildir.join(folder)).unwrap();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    };
    let unique = |path: &Path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.split(':').next().unwrap().to_owned()
    };
    for (number, path) in files("cur").iter().enumerate() {
        let name = unique(path);
        match number % 4 {
            0 => std::fs::rename(path, maildir.join(format!("cur/{name}:2,FS"))).unwrap(),
            1 => std::fs::rename(path, maildir.join(format!(".Sent/cur/{name}:2,S"))).unwrap(),
            2 => std::fs::remove_file(path).unwrap(),
            _ => {}
        }
    }
    for path in files("new") {
        std::fs::rename(&path, maildir.join(format!("cur/{}:2,S", unique(&path)))).unwrap();
    }
    for number in 0..40 {
        let name = format!("new/{}.M{number}P2.mx", 1_300_000_000 + number);
        std::fs::write(maildir.join(name), "Subject: later\n\n".repeat(1 + number * 40)).unwrap();
    }
    std::fs::rename(maildir.join(".Archive.2008"), maildir.join(".Archive.Old")).unwrap();
}

/// Makes a pass again and again, killed at random points before, and compares what comes out; at how
/// many points it was killed.
fn kill_at_random(laid: &Laid, before: &Path, pass: &[&str], rounds: usize) -> usize {
    let complete = |round: usize| {
        let begun = Instant::now();
        let ran = laid.migrate(pass);
        assert_eq!(ran.code, 0, "{pass:?}, round {round}: {}", ran.all());
        begun.elapsed()
    };
    copy(before, &laid.target);
    let mut time = complete(0);
    let whole = result(&laid.target);
    let (mut random, mut points) = (7_u64, 0);
    for round in 1..=rounds {
        copy(before, &laid.target);
        for _ in 0..5 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            // At first it only reads.
            let share = 200 + u32::try_from(random >> 40).unwrap() % 700;
            points += usize::from(killed(laid, pass, time * share / 1000));
        }
        // A machine that others use is slow at one time and fast at another.
        time = time.min(complete(round));
        let change = first_change(&whole, &result(&laid.target));
        assert_eq!(change, None, "{pass:?}, round {round}");
    }
    let again = laid.migrate(pass);
    assert!(again.stdout.contains("Nothing to do"), "{pass:?}: {}", again.all());
    points
}

#[test]
fn killed_at_hundreds_of_points_it_ends_as_if_it_had_not_been() {
    let laid = store(120);
    std::fs::write(&laid.config, "[old]\nquiet_seconds = 0\n").unwrap();
    let (none, first) = (laid.folder.path().join("none"), laid.folder.path().join("first"));
    let firsts = kill_at_random(&laid, &none, &[], 24);
    copy(&laid.target, &first);
    change(&laid);
    let later = kill_at_random(&laid, &first, &[], 24);
    let last = kill_at_random(&laid, &first, &["--final"], 24);
    let points = firsts + later + last;
    eprintln!(
        "killed at {points} points: {firsts} of first, {later} of later, {last} of last passes"
    );
    assert!(points >= 200, "only {points} runs were killed before their end");
    assert_eq!(laid.verify(&[]).code, 0);
    let passes = result(&laid.target);
    copy(&none, &laid.target);
    assert_eq!(laid.migrate(&[]).code, 0);
    assert_eq!(first_change(&result(&laid.target), &passes), None);
}

/// A message that was being written when the run was killed, and that the old server has deleted
/// since, does not stay.
#[test]
fn what_was_half_written_goes_with_its_message() {
    let laid = store(40);
    let name = "1200000001.M1P1.mx:2,S";
    let sent = "home/vpopmail/domains/a.example/joe/Maildir/.Sent/cur";
    assert_eq!(laid.migrate(&[]).code, 0);
    let copies = laid.target.join("var/vmail/a.example/joe/Maildir/.Sent/cur");
    let records = laid.target.join("var/lib/unqmail/mail/a.example/joe");
    // As a killed first pass leaves it: begun, not completed, one message cut short.
    let brought = std::fs::read_to_string(records.join("brought")).unwrap();
    let begun = brought.split_once('\n').unwrap().1;
    std::fs::write(records.join("begun"), begun).unwrap();
    std::fs::remove_file(records.join("brought")).unwrap();
    std::fs::remove_file(laid.target.join("var/lib/unqmail/folders")).unwrap();
    std::fs::write(copies.join(name), "Return-Pa").unwrap();
    std::fs::remove_file(laid.site.join(sent).join(name)).unwrap();
    let ran = laid.migrate(&[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(!copies.join(name).try_exists().unwrap());
    assert_eq!(laid.verify(&[]).code, 0);
}

/// The same where the folder looks again as an earlier pass saw it, on both sides.
#[test]
fn what_was_half_written_goes_from_a_folder_that_looks_as_before() {
    let laid = store(40);
    let sent = "home/vpopmail/domains/a.example/joe/Maildir/.Sent/cur";
    assert_eq!(laid.migrate(&[]).code, 0);
    std::thread::sleep(Duration::from_secs(3));
    assert!(laid.migrate(&[]).stdout.contains("Nothing to do"));
    let whole = result(&laid.target);
    // As a killed pass leaves a message that its reader has deleted since.
    let state = laid.target.join("var/lib/unqmail");
    let name = "1300000000.M1P1.mx:2,S";
    let copy = laid.target.join("var/vmail/a.example/joe/Maildir/.Sent/cur").join(name);
    let begun = "/.Sent\n1300000000.M1P1.mx\n";
    for is_touched in [false, true] {
        std::fs::write(state.join("lock"), "at work\n").unwrap();
        std::fs::write(state.join("mail/a.example/joe/begun"), begun).unwrap();
        std::fs::write(&copy, "Return-Pa").unwrap();
        if is_touched {
            let old = laid.site.join(sent).join(name);
            std::fs::write(&old, "Return-Path: <>\n").unwrap();
            std::fs::remove_file(&old).unwrap();
        }
        let ran = laid.migrate(&[]);
        assert_eq!(ran.code, 0, "{}", ran.all());
        assert_eq!(first_change(&whole, &result(&laid.target)), None, "{is_touched}");
        assert!(laid.migrate(&[]).stdout.contains("Nothing to do"));
    }
}

/// Other bytes, the same size and date: what a loss of power may leave.
fn damage(file: &Path) {
    let date = std::fs::metadata(file).unwrap().modified().unwrap();
    let size = std::fs::read(file).unwrap().len();
    std::fs::write(file, vec![0; size]).unwrap();
    std::fs::File::options().write(true).open(file).unwrap().set_modified(date).unwrap();
}

/// A message of a pass that did not complete is not believed to be whole, however it looks: nobody
/// waited for the disk to take it.
#[test]
fn what_looks_whole_after_a_loss_of_power_is_compared() {
    let laid = store(40);
    assert_eq!(laid.migrate(&[]).code, 0);
    let whole = result(&laid.target);
    let records = laid.target.join("var/lib/unqmail/mail/a.example/joe");
    let maildir = laid.target.join("var/vmail/a.example/joe/Maildir");
    let brought = std::fs::read_to_string(records.join("brought")).unwrap();
    let begun = brought.split_once('\n').unwrap().1;
    for (was_brought, was_begun) in [(false, true), (false, false), (true, true)] {
        std::fs::remove_file(laid.target.join("var/lib/unqmail/folders")).unwrap();
        if !was_brought {
            std::fs::remove_file(records.join("brought")).unwrap();
        }
        if was_begun {
            std::fs::write(records.join("begun"), begun).unwrap();
        }
        damage(&maildir.join(".Sent/cur/1200000001.M1P1.mx:2,S"));
        damage(&maildir.join("cur/1200000004.M4P1.mx:2,S"));
        let ran = laid.migrate(&[]);
        assert_eq!(ran.code, 0, "{}", ran.all());
        assert!(ran.stdout.contains(" 2 messages "), "{}", ran.all());
        assert_eq!(first_change(&whole, &result(&laid.target)), None, "{was_brought} {was_begun}");
        assert!(laid.migrate(&[]).stdout.contains("Nothing to do"));
    }
}

/// The same of late mail, which its reader may have moved before the power went.
#[test]
fn late_mail_that_a_loss_of_power_left_half_written_is_written_anew_where_it_is() {
    let laid = store(40);
    assert_eq!(laid.migrate(&[]).code, 0);
    let records = laid.target.join("var/lib/unqmail/mail/a.example/joe");
    let maildir = laid.target.join("var/vmail/a.example/joe/Maildir");
    let name = "1300000000.M1P1.late";
    let old = laid.site.join("home/vpopmail/domains/a.example/joe/Maildir/new").join(name);
    std::fs::write(&old, "Subject: late\n\nlate\n").unwrap();
    let brought = std::fs::read(records.join("brought")).unwrap();
    assert_eq!(laid.migrate(&["--late"]).code, 0);
    let moved = maildir.join(".Sent/cur").join(format!("{name}:2,FS"));
    std::fs::rename(maildir.join("new").join(name), &moved).unwrap();
    damage(&moved);
    std::fs::write(records.join("brought"), brought).unwrap();
    std::fs::write(records.join("begun"), format!("/\n{name}\n")).unwrap();
    let ran = laid.migrate(&["--late"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert_eq!(std::fs::read(&moved).unwrap(), std::fs::read(&old).unwrap());
    assert!(!maildir.join("new").join(name).exists());
    assert!(laid.migrate(&["--late"]).stdout.contains("Nothing to do"));
}

/// Runs a script as root in a mount namespace of its own; `false` where that cannot be.
fn mounted(script: &str, laid: &Laid, number: usize) -> bool {
    let status = Command::new("unshare")
        .args(["--mount", "sh", "-euc", script, "script"])
        .args([env!("CARGO_BIN_EXE_unqmail").as_ref(), laid.site.as_os_str()])
        .args([laid.folder.path().as_os_str(), laid.target.as_os_str()])
        .arg(number.to_string())
        .stdout(Stdio::null())
        .status();
    match status.map(|status| status.code()) {
        Ok(Some(0)) => true,
        // What the scripts exit with where the mount itself fails.
        Ok(Some(77 | 1)) | Err(_) => false,
        other => panic!("{other:?}"),
    }
}

#[test]
fn out_of_space_it_says_so_and_goes_on_with_more() {
    let laid = store(300);
    let waive = "[[waive]]\ncode = 'target-too-small'\nsubject = '*'\nreason = 'a trial'\n";
    std::fs::write(&laid.config, waive).unwrap();
    let script = r#"
        mkdir -p "$4" "$3/full"
        mount -t tmpfs -o size=400k none "$3/full" || exit 77
        if "$1" migrate "$2" "$3/full" --config "$3/unqmail.toml" >"$3/said" 2>&1; then exit 3; fi
        grep -q 'No space left' "$3/said" || exit 4
        mount -o remount,size=64m "$3/full"
        "$1" migrate "$2" "$3/full" 2>"$3/said" || exit 5
        rm -r "$4"
        cp -a "$3/full" "$4"
    "#;
    if !mounted(script, &laid, 0) {
        eprintln!("no file system can be mounted here: nothing is tested");
        return;
    }
    let after = result(&laid.target);
    std::fs::remove_dir_all(&laid.target).unwrap();
    assert_eq!(laid.migrate(&[]).code, 0);
    assert_eq!(first_change(&result(&laid.target), &after), None);
}

/// What is there from an earlier pass, killed or not, needs no more room.
#[test]
fn without_room_for_the_mail_it_refuses_and_writes_nothing() {
    let laid = store(300);
    let script = r#"
        mkdir "$3/full"
        refused() {
            "$1" migrate "$2" "$3/full$4" --only joe@a.example 2>"$3/said" && exit 4
            [ "$?" = 3 ] || exit 5
            grep -q 'target-too-small' "$3/said" || exit 6
            grep -q 'Nothing was written' "$3/said" || exit 7
        }
        mount -t tmpfs -o size=1000k none "$3/full" || exit 77
        refused "$1" "$2" "$3" /not/there/yet
        refused "$1" "$2" "$3" ""
        [ -z "$(ls -A "$3/full")" ] || exit 8
        mount -o remount,size=8m,nr_inodes=300 "$3/full"
        refused "$1" "$2" "$3" ""
        grep -q 'inodes: 299 are free, 3[0-9][0-9] are needed' "$3/said" || exit 9
        "$1" migrate "$2" "$3/full" --only eve@a.example 2>"$3/said" || exit 10
        mount -o remount,size=8m,nr_inodes=5000 "$3/full"
        "$1" migrate "$2" "$3/full" 2>"$3/said" || exit 11
        used=$(df -k --output=used "$3/full" | tail -n 1)
        mount -o "remount,size=$((used + 200))k" "$3/full"
        rm -r "$3/full/var/vmail/a.example/joe/Maildir/.Sent/cur" "$3/full/var/lib/unqmail/folders"
        rm -r "$3/full/var/lib/unqmail/mail"
        "$1" migrate "$2" "$3/full" 2>"$3/said" || exit 12
        "$1" migrate "$2" "$3/full" --final 2>"$3/said" || exit 13
    "#;
    if !mounted(script, &laid, 0) {
        eprintln!("no file system can be mounted here: nothing is tested");
    }
}

/// A disk that cannot read one message: `mem` of a process has nothing to read at its beginning, and
/// looks like a regular file.
#[test]
fn a_message_that_cannot_be_read_costs_nothing_but_itself() {
    let laid = store(40);
    let script = r#"
        lost=cur/1200000004.M4P1.mx:2,S
        bad="$2/home/vpopmail/domains/a.example/joe/Maildir/$lost"
        mount --bind "/proc/$$/mem" "$bad" || exit 77
        if "$1" migrate "$2" "$4" >"$3/said" 2>&1; then exit 3; fi
        grep -q 'M4P1.mx:2,S: .*Input/output error' "$3/said" || { cat "$3/said" >&2; exit 4; }
        new="$4/var/vmail/a.example/joe/Maildir"
        [ ! -e "$new/$lost" ] || exit 5
        [ "$(find "$new" -name '*.mx*' -type f | wc -l)" = 39 ] || exit 6
        umount "$bad"
    "#;
    if !mounted(script, &laid, 0) {
        eprintln!("nothing can be mounted here: nothing is tested");
        return;
    }
    assert_eq!(laid.migrate(&[]).code, 0);
    let after = result(&laid.target);
    std::fs::remove_dir_all(&laid.target).unwrap();
    assert_eq!(laid.migrate(&[]).code, 0);
    assert_eq!(first_change(&result(&laid.target), &after), None);
}

/// A disk that takes no more while a run believes that it does: the file behind it has no room to
/// grow. What the run wrote is in memory only, looks whole there, and is gone with the mount.
#[test]
fn what_the_disk_did_not_take_is_told_and_written_again() {
    let laid = store(300);
    assert_eq!(laid.migrate(&[]).code, 0);
    let whole = result(&laid.target);
    let script = r#"
        mkdir -p "$3/small" "$3/disk"
        rm -rf "$4"; mkdir "$4"
        mount -t tmpfs -o size=64m none "$3/small" || exit 77
        truncate -s 48M "$3/small/image"
        mkfs.ext4 -q -F -O ^has_journal "$3/small/image" || exit 77
        mount -o loop "$3/small/image" "$3/disk" || exit 77
        sync -f "$3/disk"
        used=$(df -k --output=used "$3/small" | tail -n 1)
        mount -o "remount,size=$((used + $5))k" "$3/small"
        if "$1" migrate "$2" "$3/disk" >"$3/said" 2>&1; then exit 3; fi
        grep -Eq 'cannot wait for the disk .*(Input/output error|No space left)' "$3/said" || { cat "$3/said" >&2; exit 4; }
        umount "$3/disk"
        mount -o remount,size=64m "$3/small"
        e2fsck -fy "$3/small/image" >/dev/null 2>&1 || [ $? -lt 4 ] || exit 6
        mount -o loop "$3/small/image" "$3/disk" || exit 7
        "$1" migrate "$2" "$3/disk" >"$3/said" 2>&1 || { cat "$3/said" >&2; exit 5; }
        cp -a "$3/disk/." "$4/"
        umount "$3/disk"
        umount "$3/small"
    "#;
    for room in [100, 300, 600, 900] {
        if !mounted(script, &laid, room) {
            eprintln!("no file system can be mounted here: nothing is tested");
            return;
        }
        assert_eq!(first_change(&whole, &result(&laid.target)), None, "{room} KiB");
    }
}

/// The disk as it is at some moment of a run is what a loss of power leaves.
#[test]
fn out_of_power_it_goes_on_from_what_reached_the_disk() {
    let laid = store(300);
    assert_eq!(laid.migrate(&[]).code, 0);
    let whole = result(&laid.target);
    // The run is halted and nothing is written while its disk is copied, so that the copy is of one
    // moment: the last sync has ended, and the journal would not be written for minutes.
    let script = r#"
        mkdir -p "$3/disk"
        rm -rf "$4" "$3/image"; mkdir "$4"
        truncate -s 24M "$3/image"
        mkfs.ext4 -q -F "$3/image" || exit 77
        mount -o loop,commit=300 "$3/image" "$3/disk" || exit 77
        (trap exit TERM; while :; do sync -f "$3/disk"; sleep 0.005; done) &
        syncs=$!
        "$1" migrate "$2" "$3/disk" >/dev/null 2>&1 &
        run=$!
        sleep "0.$(printf %03d "$5")"
        kill -STOP $run 2>/dev/null || :
        kill $syncs
        wait $syncs || :
        while [ -n "$(grep -Ls '^State:.[TZ]' /proc/$run/task/*/status)" ]; do sleep 0.005; done
        cp "$3/image" "$3/after"
        kill -KILL $run 2>/dev/null || :
        wait || :
        umount -l "$3/disk"
        mount -o loop "$3/after" "$3/disk"
        "$1" migrate "$2" "$3/disk" >/dev/null 2>"$3/said" || exit 5
        cp -a "$3/disk/." "$4/"
        umount -l "$3/disk"
    "#;
    for step in 1..=12 {
        if !mounted(script, &laid, step * 20) {
            eprintln!("no file system can be mounted here: nothing is tested");
            return;
        }
        assert_eq!(first_change(&whole, &result(&laid.target)), None, "after {step}");
    }
}
