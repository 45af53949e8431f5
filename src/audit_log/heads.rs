//! The last entry of each tenant, in a file: an open hash table of places of 80 bytes, the first of which describes the others.
//!
//! It only spares a search: all of it can be found again in the entries. Whoever holds the log's lock writes it.

use super::files::{self, HEADS};
use super::state::Heads;
use crate::audit::{Hash, Link, LogId};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

const PLACE: usize = 80;
const MAGIC: [u8; 8] = *b"SPHEADS1";
/// Places of a new file.
const FIRST: u64 = 1_024;

/// Bytes of the file of a new log.
pub const FIRST_BYTES: u64 = (FIRST + 1) * PLACE as u64;

/// What a tenant of a database is called here.
pub fn key(database: u32, tenant: &str) -> Hash {
    Sha256::new().chain_update(database.to_be_bytes()).chain_update(tenant.as_bytes()).finalize().into()
}

/// One place.
struct Place {
    key: Hash,
    link: Option<Link>,
}

impl Place {
    fn bytes(&self) -> [u8; PLACE] {
        let mut bytes = [0; PLACE];
        let (number, hash) = match &self.link {
            Some(link) => (link.sequence.saturating_add(1), link.hash),
            None => (0, [0; 32]),
        };
        let parts = self.key.iter().chain(&number.to_be_bytes()).chain(&hash).copied().collect::<Vec<u8>>();
        bytes.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
        bytes
    }

    fn read(file: &File, index: u64) -> io::Result<Self> {
        let mut bytes = [0; PLACE];
        file.read_exact_at(&mut bytes, offset(index))?;
        let (key, rest) = bytes.split_first_chunk::<32>().ok_or(io::ErrorKind::InvalidData)?;
        let (number, rest) = rest.split_first_chunk::<8>().ok_or(io::ErrorKind::InvalidData)?;
        let hash = *rest.first_chunk::<32>().ok_or(io::ErrorKind::InvalidData)?;
        let link = u64::from_be_bytes(*number).checked_sub(1).map(|sequence| Link { sequence, hash });
        Ok(Place { key: *key, link })
    }
}

/// Behind the place that describes the others.
fn offset(index: u64) -> u64 {
    index.saturating_add(1).saturating_mul(PLACE as u64)
}

/// Where a tenant's place is or would be, and what is in it.
pub fn find(file: &File, heads: &Heads, key: &Hash) -> io::Result<(u64, Option<Link>)> {
    let capacity = heads.capacity.max(1);
    let start = key.first_chunk::<8>().map_or(0, |first| u64::from_be_bytes(*first)) % capacity;
    for step in 0..capacity {
        let index = start.saturating_add(step) % capacity;
        let place = Place::read(file, index)?;
        if place.link.is_none() || place.key == *key {
            return Ok((index, place.link));
        }
    }
    Err(io::Error::other("the file of the tenants' last entries is full"))
}

/// Puts a tenant's last entry in its place.
pub fn put(file: &File, index: u64, key: Hash, link: Link) -> io::Result<()> {
    file.write_all_at(&Place { key, link: Some(link) }.bytes(), offset(index))
}

/// The first place: how many places there are and are taken, and how many entries the log had when the server stopped in order.
fn describe(file: &File, heads: &Heads, stopped_at: u64) -> io::Result<()> {
    let parts = [heads.capacity, heads.count, stopped_at].map(u64::to_be_bytes).concat();
    let mut bytes = [0; PLACE];
    bytes.iter_mut().zip(MAGIC.into_iter().chain(parts)).for_each(|(to, from)| *to = from);
    file.write_all_at(&bytes, 0)
}

/// What of a file that was left by an earlier life of the server can be used: only one of a server that stopped in order, when the
/// log had this size.
pub fn left(log: LogId, size: u64) -> Option<Heads> {
    let file = File::open(files::folder(log).join(HEADS)).ok()?;
    let mut bytes = [0; 32];
    file.read_exact_at(&mut bytes, 0).ok()?;
    let (magic, numbers) = bytes.split_first_chunk::<8>()?;
    let [capacity, count, stopped_at] =
        <[[u8; 8]; 3]>::try_from(numbers.as_chunks::<8>().0).ok()?.map(u64::from_be_bytes);
    let is_whole = file.metadata().ok()?.len() == offset(capacity);
    (*magic == MAGIC && stopped_at == size && is_whole).then_some(Heads { capacity, count, generation: 0 })
}

/// Says that the server stops in order.
pub fn mark_stopped(log: LogId, heads: &Heads, size: u64) -> io::Result<()> {
    let file = files::open(&files::folder(log).join(HEADS))?;
    describe(&file, heads, size)?;
    file.sync_all()
}

/// The same file is written to from now on, so that it is not whole until the server stops in order.
pub fn mark_in_use(log: LogId, heads: &Heads) -> io::Result<()> {
    describe(&files::open(&files::folder(log).join(HEADS))?, heads, u64::MAX)
}

/// Writes a new file with these last entries.
pub fn write(log: LogId, all: &[(Hash, Link)], generation: u64) -> io::Result<Heads> {
    let count = all.len() as u64;
    let mut capacity = FIRST;
    while is_crowded(capacity, count.saturating_mul(2)) {
        capacity = capacity.saturating_mul(2);
    }
    let heads = Heads { capacity, count, generation };
    let path = files::folder(log).join(HEADS);
    let temporary = path.with_extension("new");
    let file = files::open(&temporary)?;
    file.set_len(0)?;
    file.set_len(offset(capacity))?;
    describe(&file, &heads, u64::MAX)?;
    for (key, link) in all {
        let (index, _) = find(&file, &heads, key)?;
        put(&file, index, *key, *link)?;
    }
    file.sync_all()?;
    std::fs::rename(temporary, path)?;
    files::sync_folder(&files::folder(log))?;
    Ok(heads)
}

/// Whether a search would take long.
pub fn is_crowded(capacity: u64, count: u64) -> bool {
    count.saturating_mul(10) >= capacity.saturating_mul(7)
}

/// All that are in a file.
pub fn all(file: &File, heads: &Heads) -> io::Result<Vec<(Hash, Link)>> {
    let mut found = Vec::new();
    for index in 0..heads.capacity {
        let place = Place::read(file, index)?;
        if let Some(link) = place.link {
            found.push((place.key, link));
        }
    }
    Ok(found)
}
