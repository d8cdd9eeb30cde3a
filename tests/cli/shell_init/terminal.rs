//! An interactive shell in a pseudo-terminal, with the integration loaded and an `ifctl` that writes down its arguments.

use crate::shell_init::{Shell, script};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::{
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Longest wait for anything a shell should do.
const PATIENCE: Duration = Duration::from_secs(8);
/// Wide enough that no line of a test is folded.
const SIZE: PtySize = PtySize { rows: 50, cols: 250, pixel_width: 0, pixel_height: 0 };
/// What may follow `if` in the tests.
pub const WORDS: [&str; 5] = ["vmix", "obs", "witness", "status", "node list"];

const FAKE_IFCTL: &str = "#!/bin/sh\n{ for a in \"$@\"; do printf '[%s]' \"$a\"; done; echo; } >>\"$IFCTL_CALLS\"\necho \"ran $1\"\n";

/// Everything the terminal showed so far, and a bell for when there is more.
type Screen = Arc<(Mutex<String>, Condvar)>;

pub struct Terminal {
    pub shell: Shell,
    dir: TempDir,
    keyboard: Box<dyn Write + Send>,
    screen: Screen,
    child: Box<dyn Child + Send + Sync>,
    marks: u32,
    _master: Box<dyn MasterPty + Send>,
}

impl Terminal {
    pub fn open(shell: Shell) -> Self {
        Self::open_with(shell, "", "")
    }

    /// `before` and `after` are lines of the start-up file around the integration.
    pub fn open_with(shell: Shell, before: &str, after: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        prepare(dir.path(), shell, before, after);
        let pty = native_pty_system().openpty(SIZE).unwrap();
        let child = pty.slave.spawn_command(command(shell, dir.path())).unwrap_or_else(|e| {
            panic!("{} does not start ({e}); install it: apt-get install -y zsh fish", shell.as_str())
        });
        let screen = Screen::default();
        watch(pty.master.try_clone_reader().unwrap(), screen.clone());
        let keyboard = pty.master.take_writer().unwrap();
        let mut terminal = Self { shell, dir, keyboard, screen, child, marks: 0, _master: pty.master };
        terminal.settle();
        terminal
    }

    pub fn keys(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
    }

    /// Types a line and Enter, and waits until the shell is at its prompt again. Gives what the terminal showed.
    pub fn line(&mut self, line: &str) -> String {
        self.lines(&[line])
    }

    /// Types several lines, of which the last completes a command.
    pub fn lines(&mut self, lines: &[&str]) -> String {
        let from = self.screen.0.lock().unwrap().len();
        for line in lines {
            self.keys(&format!("{line}\r"));
        }
        self.settle();
        self.screen.0.lock().unwrap()[from..].to_string()
    }

    /// Waits until the shell has done all that was typed: it then prints a mark that no keystroke shows.
    fn settle(&mut self) {
        self.marks += 1;
        let mark = format!("mark-{}.", self.marks);
        self.keys(&format!(" echo mar''k-{}.\r", self.marks));
        self.wait_for(&mark);
    }

    pub fn wait_for(&self, text: &str) {
        let give_up = Instant::now() + PATIENCE;
        let (shown, bell) = &*self.screen;
        let mut shown = shown.lock().unwrap();
        while !shown.contains(text) {
            let left = give_up.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "{} never showed {text:?}; it showed:\n{shown}", self.shell.as_str());
            shown = bell.wait_timeout(shown, left).unwrap().0;
        }
    }

    /// Arguments of every `ifctl` started so far, each in brackets.
    pub fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(self.dir.path().join("calls")).unwrap_or_default();
        text.lines().map(str::to_string).collect()
    }

    /// The shell's history, without the marks, oldest first.
    pub fn history(&mut self) -> Vec<String> {
        let file = self.dir.path().join("history-shown");
        let list = match self.shell {
            Shell::Bash => "HISTTIMEFORMAT= history | sed 's/^ *[0-9]*[* ] //'",
            Shell::Zsh => "fc -ln 1",
            Shell::Fish => "history --reverse",
        };
        self.line(&format!(" {list} > {}", file.display()));
        let text = fs::read_to_string(file).unwrap();
        let ours = |line: &&str| !line.contains("mar''k") && !line.contains("history-shown");
        text.lines().filter(ours).map(str::to_string).collect()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Already ended is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn watch(mut reader: Box<dyn Read + Send>, screen: Screen) {
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = reader.read(&mut bytes) {
            screen.0.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
            screen.1.notify_all();
        }
    });
}

fn command(shell: Shell, home: &Path) -> CommandBuilder {
    let mut command = CommandBuilder::new(shell.as_str());
    match shell {
        Shell::Bash => command.args(["--noprofile", "--rcfile", &home.join("bashrc").display().to_string(), "-i"]),
        Shell::Zsh => command.args(["--no-globalrcs", "-i"]),
        Shell::Fish => command.args(["-i"]),
    }
    let path = format!("{}:{}", home.join("bin").display(), std::env::var("PATH").unwrap());
    command.env_clear();
    command.env("PATH", path);
    command.env("HOME", home);
    command.env("ZDOTDIR", home);
    command.env("TERM", "xterm");
    command.env("LANG", "C.UTF-8");
    command.env("IFCTL_CALLS", home.join("calls"));
    command.cwd(home);
    command
}

fn prepare(home: &Path, shell: Shell, before: &str, after: &str) {
    let (file, settings) = match shell {
        Shell::Bash => ("bashrc", "PS1='> '; HISTCONTROL=ignorespace; HISTFILE=~/history"),
        Shell::Zsh => (".zshrc", "PS1='> '; setopt hist_ignore_space; HISTSIZE=100; SAVEHIST=100; HISTFILE=~/history"),
        Shell::Fish => (".config/fish/config.fish", "function fish_prompt; echo '> '; end; set -g fish_greeting"),
    };
    let file = home.join(file);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, format!("{settings}\n{before}\n{}\n{after}\n", script(shell, &WORDS))).unwrap();
    let fake = home.join("bin").join("ifctl");
    fs::create_dir_all(fake.parent().unwrap()).unwrap();
    fs::write(&fake, FAKE_IFCTL).unwrap();
    make_executable(&fake);
}

fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
