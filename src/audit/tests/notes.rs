//! Keys, notes and what they say.

use crate::audit::entry::{Database, Link};
use crate::audit::files::LogId;
use crate::audit::hash::EMPTY_ROOT;
use crate::audit::note::{NoteError, SigningKey, VerifyingKey};
use crate::audit::statement::{Checkpoint, Statement, TenantHead};
use crate::audit::testing::{LOG, SEED};
use proptest::prelude::*;

fn key() -> SigningKey {
    SigningKey::from_seed(LOG, &SEED).unwrap()
}

fn checkpoint() -> Checkpoint {
    Checkpoint { log: LOG, size: 120, root: [0x5a; 32] }
}

fn head(tenant: &str) -> TenantHead {
    TenantHead {
        log: LOG,
        database: Database { name: "shop".to_owned(), oid: 16384 },
        tenant: tenant.to_owned(),
        last: Link { sequence: 7, hash: [0x11; 32] },
        size: 8,
    }
}

/// RFC 8032, 7.1, test 1: our seed is theirs, and gives their key and signature.
#[test]
fn ed25519_is_that_of_the_rfc() {
    let seed = hex::decode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").unwrap();
    let key = SigningKey::from_seed(LOG, &seed.try_into().unwrap()).unwrap();
    let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    let pem = key.verifying().spki_pem();
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    use base64::Engine;
    let spki = base64::engine::general_purpose::STANDARD.decode(body).unwrap();
    assert_eq!(hex::encode(&spki[12..]), public);
    let note = key.sign("");
    let signature = note.trim_end().rsplit(' ').next().unwrap();
    let bytes = base64::engine::general_purpose::STANDARD.decode(signature).unwrap();
    assert_eq!(
        hex::encode(&bytes[4..]),
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    );
}

#[test]
fn the_key_line_comes_back_and_no_other() {
    let line = key().verifying().line();
    assert!(line.starts_with("splitplane-audit/00112233445566778899aabbccddeeff+"));
    assert_eq!(VerifyingKey::parse(&line).unwrap(), *key().verifying());
    let upper =
        line.splitn(3, '+').enumerate().map(|(at, part)| if at == 1 { part.to_uppercase() } else { part.to_owned() });
    assert_eq!(VerifyingKey::parse(&upper.collect::<Vec<_>>().join("+")).unwrap(), *key().verifying());
    for wrong in [
        "",
        "a+b",
        &line[1..],
        &line[..line.len() - 1],
        &format!("{line} "),
        &line.replacen("0011", "1011", 1),
        &line.replacen("/0011", "+/0011", 1),
    ] {
        assert!(matches!(VerifyingKey::parse(wrong), Err(NoteError::Key(_))), "{wrong}");
    }
}

#[test]
fn every_changed_byte_of_a_note_is_refused() {
    for text in [checkpoint().text(), head("ta").text()] {
        let note = key().sign(&text);
        assert_eq!(key().verifying().open(&note), Ok(text.as_str()));
        for at in 0..note.len() {
            for bit in 0..8 {
                let mut changed = note.clone().into_bytes();
                changed[at] ^= 1 << bit;
                if let Ok(changed) = String::from_utf8(changed) {
                    assert!(key().verifying().open(&changed).is_err(), "byte {at}, bit {bit}");
                }
            }
        }
    }
}

#[test]
fn signatures_of_others_stand_beside_ours_and_not_alone() {
    let text = checkpoint().text();
    let (ours, other) = (key(), SigningKey::from_seed(LogId([9; 16]), &SEED).unwrap());
    let witness = other.sign(&text).rsplit_once("\n\n").unwrap().1.to_owned();
    let both = format!("{}{witness}", ours.sign(&text));
    assert_eq!(ours.verifying().open(&both), Ok(text.as_str()));
    assert_eq!(other.verifying().open(&both), Ok(text.as_str()));
    assert_eq!(ours.verifying().open(&other.sign(&text)), Err(NoteError::Unsigned));
    // Another key under our name has another id.
    let stranger = SigningKey::from_seed(LOG, &[1; 32]).unwrap();
    assert_eq!(ours.verifying().open(&stranger.sign(&text)), Err(NoteError::Unsigned));
    let twice = format!("{}{}", ours.sign(&text), ours.sign(&text).rsplit_once("\n\n").unwrap().1);
    assert!(matches!(ours.verifying().open(&twice), Err(NoteError::Malformed(_))));
    for malformed in [
        String::new(),
        "\n\n".to_owned(),
        text.clone(),
        format!("{text}\n"),
        ours.sign(&text).trim_end().to_owned(),
        format!("{}\n", ours.sign(&text)),
        ours.sign(&text).replace("\u{2014} ", "- "),
        ours.sign("a\tb\n"),
        format!("{}\u{2014} a+b AAAAAAA=\n", ours.sign(&text)),
        format!("{}\u{2014} a AAAA\n", ours.sign(&text)),
    ] {
        assert!(ours.verifying().open(&malformed).is_err(), "{malformed}");
    }
}

#[test]
fn notes_are_whole_up_to_the_empty_line_after_the_last() {
    use crate::audit::note::whole;
    let two = format!("{}\n{}\n", key().sign(&head("ta").text()), key().sign(&checkpoint().text()));
    let first = key().sign(&head("ta").text()).len() + 1;
    for end in 0..=two.len() {
        let expected = if end == two.len() {
            end
        } else if end >= first {
            first
        } else {
            0
        };
        assert_eq!(whole(&two.as_bytes()[..end]), expected, "{end} of {}", two.len());
    }
    assert_eq!(whole(&two.as_bytes()[70..]), two.len() - 70, "of the end of a file");
}

#[test]
fn checkpoints_are_read_strictly() {
    let text = checkpoint().text();
    assert_eq!(Checkpoint::parse(&text).unwrap(), checkpoint());
    assert_eq!(Statement::parse(&text).unwrap(), Statement::Checkpoint(checkpoint()));
    let empty = Checkpoint { size: 0, root: EMPTY_ROOT, ..checkpoint() };
    assert_eq!(Checkpoint::parse(&empty.text()).unwrap(), empty);
    for wrong in [
        Checkpoint { size: 0, ..checkpoint() }.text(),
        text.replace("\n120\n", "\n0120\n"),
        text.replace("\n120\n", "\n+120\n"),
        text.replace("\n120\n", "\n\n"),
        text.replace("\n120\n", "\n18446744073709551616\n"),
        text.replace("splitplane-audit/", "splitplane audit/"),
        text.replace("splitplane-audit/0", "splitplane-audit/A"),
        text.replace("=\n", "\n"),
        text.replacen("\nWlpa", "\n", 1),
        text.replace("WlpaWlo=", "WlpaWlp="),
        format!("{text}extension\n"),
        format!("{text}\n"),
        text.trim_end().to_owned(),
        text.replace('\n', "\r\n"),
        String::new(),
    ] {
        assert_ne!(wrong, text);
        assert!(Checkpoint::parse(&wrong).is_err(), "{wrong}");
        assert!(Statement::parse(&wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_tenants_head_is_ascii_and_no_checkpoint() {
    let text = head("Zürich\u{2028}\u{7f}\"\\\u{1f600}\n").text();
    assert_eq!(
        text,
        format!(
            "splitplane audit tenant head\nlog splitplane-audit/00112233445566778899aabbccddeeff\ndatabase 16384 \"shop\"\n\
             tenant \"Z\\u00fcrich\\u2028\\u007f\\\"\\\\\\ud83d\\ude00\\n\"\nsequence 7\nhash {}\nsize 8\n",
            "11".repeat(32)
        )
    );
    assert!(Checkpoint::parse(&text).is_err());
    for (from, to) in [
        ("sequence 7", "sequence 07"),
        ("sequence 7", "sequence 8"),
        ("\"shop\"", "\"sh\\u006fp\""),
        ("\"shop\"", " \"shop\""),
        ("size 8\n", "size 8\nmore\n"),
        ("tenant head", "tenant  head"),
        ("16384", "4294967296"),
    ] {
        assert!(Statement::parse(&text.replacen(from, to, 1)).is_err(), "{from} as {to}");
    }
}

proptest! {
    #[test]
    fn any_tenant_comes_back(tenant in any::<String>(), name in any::<String>(), size in 8_u64..) {
        let database = Database { name, oid: 16384 };
        let head = TenantHead { database, size, ..head(&tenant) };
        let text = head.text();
        prop_assert!(text.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)));
        let note = key().sign(&text);
        prop_assert_eq!(Statement::parse(key().verifying().open(&note).unwrap()), Ok(Statement::TenantHead(head)));
    }

    #[test]
    fn any_text_is_read_without_a_panic(text in any::<String>()) {
        let _ = Statement::parse(&text);
        let _ = key().verifying().open(&text);
        let _ = VerifyingKey::parse(&text);
    }
}
