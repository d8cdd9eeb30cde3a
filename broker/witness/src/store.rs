//! RocksDB: column families, how they are tuned, and errors with the path in them.

use crate::{Options, WitnessError, bits};
use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB, DBCompressionType, IteratorMode, SliceTransform,
};
use std::path::{Path, PathBuf};

/// Version of everything below; a change of any key or value is a new one.
pub(crate) const FORMAT: &str = "if-witness 1";
const FORMAT_KEY: &[u8] = b"format";
/// Present while [`crate::rebuild`] is at work.
pub(crate) const REBUILDING_KEY: &[u8] = b"rebuilding";

/// `index u64 BE` → exact entry bytes.
pub(crate) const ENTRIES: &str = "entries";
/// `index u64 BE` → see [`crate::payloads`].
pub(crate) const PAYLOADS: &str = "payloads";
/// See [`crate::keys`] → see [`crate::bits`].
pub(crate) const INDEX: &str = "index";
/// `command id ‖ index u64 BE` → see [`crate::postings::command_value`].
pub(crate) const COMMANDS: &str = "commands";
/// First 16 bytes of an entry hash → `index u64 BE`.
pub(crate) const HASHES: &str = "hashes";
/// `index u64 BE` → state after that entry.
pub(crate) const SNAPSHOTS: &str = "snapshots";
/// Column families that can be made again from the entries.
pub(crate) const DERIVED: [&str; 3] = [INDEX, COMMANDS, HASHES];

/// Bytes of a command id, the prefix of keys in [`COMMANDS`].
const COMMAND_PREFIX_BYTES: usize = 16;
const BLOOM_BITS_PER_KEY: f64 = 10.0;
/// Log files RocksDB writes about itself.
const INFO_LOG_FILES_MAX: usize = 2;
const INFO_LOG_BYTES_MAX: usize = 1024 * 1024;
/// The write-ahead log is cut at this size, which bounds what a start has to read, bytes.
const WAL_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Column families besides RocksDB's own.
pub(crate) const FAMILIES: [&str; 6] = [ENTRIES, PAYLOADS, INDEX, COMMANDS, HASHES, SNAPSHOTS];

pub(crate) struct Store {
    pub db: DB,
    pub path: PathBuf,
}

impl Store {
    pub fn open(path: &Path, options: &Options) -> Result<Self, WitnessError> {
        let fail = |why: String| open_error(path, why);
        std::fs::create_dir_all(path).map_err(|e| fail(e.to_string()))?;
        let mut db_options = db_options(options);
        db_options.create_if_missing(true);
        db_options.create_missing_column_families(true);
        db_options.set_max_open_files(options.open_files_max);
        let db = DB::open_cf_descriptors(&db_options, path, families(options)).map_err(|e| fail(e.to_string()))?;
        let store = Self { db, path: path.to_path_buf() };
        if !store.check_format()? {
            let mut sync = rocksdb::WriteOptions::default();
            sync.set_sync(true);
            store.db.put_opt(FORMAT_KEY, FORMAT, &sync).map_err(|e| store.write_error(&e))?;
        }
        Ok(store)
    }

    /// Opens without changing a byte and without the lock: what is seen is the log as it was at this moment.
    /// `strict` refuses a directory whose files do not add up.
    pub fn open_read_only(path: &Path, options: &Options, strict: bool) -> Result<Self, WitnessError> {
        // RocksDB would make the directory for its diary.
        if !path.join("CURRENT").is_file() {
            return Err(open_error(path, "there is no log in it".into()));
        }
        let mut db_options = db_options(options);
        db_options.set_paranoid_checks(strict);
        // All files at once, so that a running broker cannot remove one of them later.
        db_options.set_max_open_files(-1);
        let db = DB::open_cf_descriptors_read_only(&db_options, path, families(options), false)
            .map_err(|e| open_error(path, e.to_string()))?;
        let store = Self { db, path: path.to_path_buf() };
        store.check_format()?;
        Ok(store)
    }

    /// False for a log that is still empty and has no format yet.
    fn check_format(&self) -> Result<bool, WitnessError> {
        let wrong = |found: String| WitnessError::Format { path: self.path.clone(), found, supported: FORMAT };
        match self.db.get(FORMAT_KEY).map_err(|e| self.read_error(&e))? {
            Some(found) if found == FORMAT.as_bytes() => Ok(true),
            Some(found) => Err(wrong(String::from_utf8_lossy(&found).into_owned())),
            None => match self.db.iterator_cf(self.family(ENTRIES)?, IteratorMode::Start).next() {
                Some(Ok(_)) => Err(wrong("none".into())),
                Some(Err(e)) => Err(self.read_error(&e)),
                None => Ok(false),
            },
        }
    }

    /// True if a rebuild of the derived families did not come to its end.
    pub fn is_rebuilding(&self) -> Result<bool, WitnessError> {
        Ok(self.db.get(REBUILDING_KEY).map_err(|e| self.read_error(&e))?.is_some())
    }

    /// A family opened in [`Store::open`].
    pub fn family(&self, name: &'static str) -> Result<&ColumnFamily, WitnessError> {
        let missing =
            || WitnessError::Open { path: self.path.clone(), why: format!("column family {name} is missing") };
        self.db.cf_handle(name).ok_or_else(missing)
    }

    pub fn get(&self, family: &'static str, key: &[u8]) -> Result<Option<Vec<u8>>, WitnessError> {
        self.db.get_cf(self.family(family)?, key).map_err(|e| self.read_error(&e))
    }

    pub fn read_error(&self, error: &rocksdb::Error) -> WitnessError {
        WitnessError::Read { path: self.path.clone(), why: error.to_string() }
    }

    pub fn write_error(&self, error: &rocksdb::Error) -> WitnessError {
        WitnessError::Write { path: self.path.clone(), why: error.to_string() }
    }
}

fn db_options(options: &Options) -> rocksdb::Options {
    let mut o = rocksdb::Options::default();
    o.set_keep_log_file_num(INFO_LOG_FILES_MAX);
    o.set_max_log_file_size(INFO_LOG_BYTES_MAX);
    o.set_max_total_wal_size(WAL_BYTES_MAX);
    o.set_db_write_buffer_size(options.write_buffers_bytes);
    // A torn tail of the write-ahead log is an unacknowledged batch; anything else wrong in it is damage.
    o.set_wal_recovery_mode(rocksdb::DBRecoveryMode::TolerateCorruptedTailRecords);
    o
}

fn families(options: &Options) -> Vec<ColumnFamilyDescriptor> {
    let cache = Cache::new_lru_cache(options.cache_bytes);
    FAMILIES.map(|name| ColumnFamilyDescriptor::new(name, family_options(name, options, &cache))).into()
}

fn open_error(path: &Path, why: String) -> WitnessError {
    let path = path.to_path_buf();
    match why.contains("lock") && why.contains("Resource temporarily unavailable") || why.contains("lock hold by") {
        true => WitnessError::InUse { path },
        false => WitnessError::Open { path, why },
    }
}

fn family_options(name: &str, options: &Options, cache: &Cache) -> rocksdb::Options {
    let mut family = rocksdb::Options::default();
    family.set_write_buffer_size(options.write_buffer_bytes);
    family.set_compression_type(DBCompressionType::Lz4);
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    table.set_cache_index_and_filter_blocks(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    if name == COMMANDS || name == HASHES {
        table.set_bloom_filter(BLOOM_BITS_PER_KEY, false);
    }
    if name == INDEX {
        family.set_merge_operator("if-witness bits 1", bits::full_merge, bits::partial_merge);
    }
    if name == COMMANDS {
        // Every admission asks whether an id was ever used: almost always it was not, and the filter answers.
        family.set_prefix_extractor(SliceTransform::create_fixed_prefix(COMMAND_PREFIX_BYTES));
        family.set_memtable_prefix_bloom_ratio(0.1);
    }
    family.set_block_based_table_factory(&table);
    family
}
