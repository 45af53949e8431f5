//! The command line.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    Help,
    Version,
    Run(Run),
}

/// A command with its paths. Options that a command does not know are refused.
#[derive(Debug, PartialEq, Eq)]
pub enum Run {
    Verify {
        directory: PathBuf,
        key: PathBuf,
        checkpoint: Option<PathBuf>,
        tenant: Option<String>,
    },
    Receipt {
        directory: PathBuf,
        document: PathBuf,
    },
    Export {
        directory: PathBuf,
        key: PathBuf,
        checkpoint: PathBuf,
        tenant: String,
        database: Option<u32>,
        note: Option<PathBuf>,
    },
    VerifyExport {
        file: PathBuf,
        key: PathBuf,
    },
}

/// Reads the arguments without the program's name; an error is a sentence.
pub fn parse(mut arguments: impl Iterator<Item = OsString>) -> Result<Command, String> {
    let command = arguments.next().ok_or("a command is missing")?;
    let command = command.into_string().map_err(|_| "the command is not known")?;
    match command.as_str() {
        "--help" | "-h" | "help" => return Ok(Command::Help),
        "--version" | "-V" => return Ok(Command::Version),
        _ => {}
    }
    let Some(mut rest) = Arguments::read(arguments)? else { return Ok(Command::Help) };
    let run = match command.as_str() {
        "verify" => Run::Verify {
            directory: rest.place("DIRECTORY")?,
            key: rest.needed("--key")?.into(),
            checkpoint: rest.option("--checkpoint").map(PathBuf::from),
            tenant: rest.option("--tenant").map(text).transpose()?,
        },
        "receipt" => Run::Receipt { directory: rest.place("DIRECTORY")?, document: rest.needed("--document")?.into() },
        "export" => Run::Export {
            directory: rest.place("DIRECTORY")?,
            key: rest.needed("--key")?.into(),
            checkpoint: rest.needed("--checkpoint")?.into(),
            tenant: text(rest.needed("--tenant")?)?,
            database: rest.option("--database").map(oid).transpose()?,
            note: rest.option("--note").map(PathBuf::from),
        },
        "verify-export" => Run::VerifyExport { file: rest.place("FILE")?, key: rest.needed("--key")?.into() },
        _ => return Err(format!("there is no command {command:?}")),
    };
    rest.end()?;
    Ok(Command::Run(run))
}

fn text(value: OsString) -> Result<String, String> {
    value.into_string().map_err(|_| "a value is not UTF-8".to_owned())
}

fn oid(value: OsString) -> Result<u32, String> {
    text(value)?.parse().map_err(|_| "--database wants an OID".to_owned())
}

/// Options by name, and what stands without one.
struct Arguments {
    options: BTreeMap<String, OsString>,
    places: std::vec::IntoIter<OsString>,
}

impl Arguments {
    /// `None` when help is asked for.
    fn read(mut arguments: impl Iterator<Item = OsString>) -> Result<Option<Self>, String> {
        let (mut options, mut places) = (BTreeMap::new(), Vec::new());
        while let Some(argument) = arguments.next() {
            match argument.to_str() {
                Some("--") => places.extend(arguments.by_ref()),
                Some("--help" | "-h") => return Ok(None),
                Some(option) if option.starts_with('-') && option.len() > 1 => {
                    let (name, value) = match option.split_once('=') {
                        Some((name, value)) => (name.to_owned(), Some(value.into())),
                        None => (option.to_owned(), arguments.next()),
                    };
                    let value = value.ok_or_else(|| format!("{name} wants a value"))?;
                    if options.insert(name.clone(), value).is_some() {
                        return Err(format!("{name} is given twice"));
                    }
                }
                _ => places.push(argument),
            }
        }
        Ok(Some(Self { options, places: places.into_iter() }))
    }

    fn place(&mut self, name: &str) -> Result<PathBuf, String> {
        self.places.next().map(PathBuf::from).ok_or_else(|| format!("{name} is missing"))
    }

    fn option(&mut self, name: &str) -> Option<OsString> {
        self.options.remove(name)
    }

    fn needed(&mut self, name: &str) -> Result<OsString, String> {
        self.option(name).ok_or_else(|| format!("{name} is missing"))
    }

    fn end(&mut self) -> Result<(), String> {
        if let Some(name) = self.options.keys().next() {
            return Err(format!("this command has no option {name}"));
        }
        if self.places.next().is_some() { Err("there are too many arguments".to_owned()) } else { Ok(()) }
    }
}
