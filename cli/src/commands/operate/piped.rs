//! `--out -`: what an operation writes into a file comes out of this command instead. The worker writes the file; so it
//! must be on this machine.

use super::Report;
use crate::{CliError, clock, context::Context};
use if_manifest::{OperationSpec, ParamKind};
use serde_json::{Map, Value};
use std::{
    fs::{self, File},
    io::{self, Write},
    path::PathBuf,
};

/// The parameter of a file that is written, and the value that means standard output.
const PARAMETER: &str = "out";
const STDOUT: &str = "-";

/// A file between the worker and standard output; removed in the end.
pub struct Piped(PathBuf);

impl Piped {
    /// If standard output is asked for, puts a file of the home directory in its place.
    pub fn take(
        context: &Context,
        operation: &OperationSpec,
        args: &mut Map<String, Value>,
    ) -> Result<Option<Self>, CliError> {
        let writes = operation.params.iter().any(|p| p.name == PARAMETER && p.kind == ParamKind::File);
        if !writes || args.get(PARAMETER).and_then(Value::as_str) != Some(STDOUT) {
            return Ok(None);
        }
        let globals = &context.globals;
        if context.out.is_json() || globals.dry_run || globals.no_wait {
            let hint = "write to a file, or leave out --json, --dry-run and --no-wait";
            return Err(CliError::usage("--out - needs standard output and a result for itself", hint));
        }
        let file = context.home()?.run_dir().join(format!("out-{}", hex::encode(clock::random::<8>()?)));
        args.insert(PARAMETER.into(), file.to_string_lossy().into());
        Ok(Some(Self(file)))
    }

    /// The bytes on standard output, what is to be said on standard error.
    pub fn show(self, context: &Context, report: Report) -> Result<(), CliError> {
        if report.error.is_some() {
            return report.show(context.out);
        }
        let shown = self.0.display();
        let mut file = File::open(&self.0).map_err(|e| {
            CliError::io(format!("{shown} cannot be read"), &e)
                .hint("`--out -` works where the worker runs on this machine; else write to a file there")
        })?;
        let mut stdout = io::stdout().lock();
        io::copy(&mut file, &mut stdout)
            .and_then(|_| stdout.flush())
            .map_err(|e| CliError::io("standard output", &e))?;
        context.out.note(report.human(context.out.style()).trim_end());
        Ok(())
    }
}

impl Drop for Piped {
    fn drop(&mut self) {
        // There is none where nothing was written.
        let _ = fs::remove_file(&self.0);
    }
}
