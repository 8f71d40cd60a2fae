//! What gdb knows of a kernel: its functions always, its sources where there is debug information.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use goblin::container::{Container, Ctx, Endian};
use goblin::elf::header::{EM_X86_64, ET_EXEC};
use goblin::elf::section_header::{SHF_ALLOC, SHF_EXECINSTR, SHT_NOBITS, SHT_STRTAB, SHT_SYMTAB};
use goblin::elf::{Header, SectionHeader, Sym, sym};
use mdlab_vm::{Cache, KernelSource, Packages};
use scroll::Pwrite;
use scroll::ctx::SizeWith;

use super::telling;
use crate::choice::Choice;
use crate::failure::Failure;
use crate::laboratory::Laboratory;

/// Bytes of the disk by which the guest hands its symbols over: kallsyms of a Debian kernel has 6 MB.
const ROOM: u64 = 24 << 20;

/// Ends what is read.
const END: &str = "mdlab: that is all";

/// What gdb is told to read.
pub(super) struct Symbols {
    commands: Vec<String>,
}

impl Symbols {
    pub(super) fn commands(&self) -> &[String] {
        &self.commands
    }

    /// Finds them, or makes them in a folder. The kernel's addresses are the same in every fork, and so are those of the modules
    /// that were loaded before the machine was kept.
    pub(super) fn find(lab: &Laboratory, choice: &Choice, fetch: bool, folder: &Path) -> Result<Self, Failure> {
        let release = lab.machine().kernel.clone();
        let (kernel, modules) = match &choice.kernel {
            KernelSource::Tree(tree) if tree.join("vmlinux").is_file() => (tree.join("vmlinux"), tree.clone()),
            KernelSource::Debian(suite) if fetch => {
                let package = format!("linux-image-{release}-dbg");
                let debug =
                    Packages::alone(&Cache::open()?, suite, &package, &mut telling())?.root().join("usr/lib/debug");
                (debug.join("boot").join(format!("vmlinux-{release}")), debug.join("lib/modules").join(&release))
            }
            KernelSource::Tree(tree) if fetch => {
                let text = format!("find `{}/vmlinux`, which has the symbols of a tree: build it", tree.display());
                return Err(Failure::usage(text));
            }
            _ if fetch => {
                return Err(Failure::usage("--symbols fetches Debian's: name a kernel of Debian's, or a tree"));
            }
            _ => {
                let path = folder.join("kallsyms.elf");
                let text = ask(lab, "cat /proc/kallsyms")?;
                let failed = |error: &dyn std::fmt::Display| Failure::infra(format!("write the symbols: {error}"));
                let bytes = file(&text).map_err(|error| failed(&error))?;
                fs::write(&path, bytes).map_err(|error| failed(&error))?;
                return Ok(Self { commands: vec![format!("symbol-file {}", word(&path))] });
            }
        };
        let mut commands = vec![format!("symbol-file {}", word(&kernel))];
        let found = modules_below(&modules);
        for (name, sections) in sections(&ask(lab, "head -n 1 /sys/module/*/sections/.*")?) {
            if let (Some(path), Some(text)) = (found.get(&name), sections.get(".text")) {
                let others =
                    sections.iter().filter(|(section, _)| [".data", ".bss", ".rodata"].contains(&section.as_str()));
                let others: String = others.map(|(section, at)| format!(" -s {section} {at}")).collect();
                commands.push(format!("add-symbol-file {} {text}{others}", word(path)));
            }
        }
        Ok(Self { commands })
    }
}

/// A path as one word of a command of gdb's, which takes them apart as libiberty does (`buildargv`).
fn word(path: &Path) -> String {
    let special = |c: char| c.is_whitespace() || ['\\', '"', '\''].contains(&c);
    path.to_string_lossy().chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

/// What a command says in a fork of its own, however much that is.
fn ask(lab: &Laboratory, line: &str) -> Result<String, Failure> {
    let mut session = lab.fork()?;
    let disk = session.attach(1, ROOM)?.remove(0);
    let script = format!("({line}; echo '{END}') > {disk}");
    session.run(&["sh".into(), "-c".into(), script], None)?;
    let bytes = session.image(&disk)?;
    let text = String::from_utf8_lossy(&bytes);
    let said = text.split_once(END).map(|(said, _)| said.to_owned());
    said.ok_or_else(|| Failure::infra(format!("read what `{line}` says in the guest: it is more than {ROOM} bytes")))
}

/// Where the sections of each module begin: what `head` says of the files of sysfs.
fn sections(said: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let mut modules: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let mut lines = said.lines();
    while let Some(line) = lines.next() {
        let path = line.strip_prefix("==> /sys/module/").and_then(|rest| rest.strip_suffix(" <=="));
        let Some((module, section)) = path.and_then(|path| path.split_once("/sections/")) else { continue };
        let at = lines.next().unwrap_or_default();
        modules.entry(module.to_owned()).or_default().insert(section.to_owned(), at.to_owned());
    }
    modules
}

/// Modules by the names under which the kernel knows them.
fn modules_below(folder: &Path) -> BTreeMap<String, PathBuf> {
    let (mut found, mut open) = (BTreeMap::new(), vec![folder.to_owned()]);
    while let Some(folder) = open.pop() {
        for entry in folder.read_dir().into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "ko" || ending == "debug") {
                let name = entry.file_name().to_string_lossy().split('.').next().unwrap_or_default().replace('-', "_");
                found.insert(name, path);
            }
        }
    }
    found
}

/// A function and its address, of a line of `/proc/kallsyms`.
fn function(line: &str) -> Option<(u64, &str)> {
    let mut words = line.split_whitespace();
    let at = u64::from_str_radix(words.next()?, 16).ok()?;
    // Of the text section, as nm(1) has it.
    let is_function = ["t", "T", "w", "W"].contains(&words.next()?);
    Some((at, words.next()?)).filter(|_| is_function)
}

/// A program without content that has the functions of `/proc/kallsyms` where they are, those of modules among them.
fn file(kallsyms: &str) -> goblin::error::Result<Vec<u8>> {
    let mut functions: Vec<(u64, &str)> = kallsyms.lines().filter_map(function).collect();
    functions.sort_unstable();
    let begin = functions.first().map_or(0, |(at, _)| *at);
    let end = functions.last().map_or(0, |(at, _)| *at + 1);

    // The names of sections and symbols, each ended by a zero, as the empty one is.
    let mut strings = b"\0.text\0".to_vec();
    let mut symbols = vec![Sym::default()];
    for (at, name) in functions {
        let (st_info, st_shndx) = (sym::STB_GLOBAL << 4 | sym::STT_FUNC, 1);
        symbols.push(Sym { st_name: strings.len(), st_info, st_shndx, st_value: at, ..Sym::default() });
        strings.extend_from_slice(name.as_bytes());
        strings.push(0);
    }
    let ctx = Ctx::new(Container::Big, Endian::Little);
    let (of_symbol, of_section) = (Sym::size_with(&ctx), SectionHeader::size_with(&ctx));
    let mut header = Header::new(ctx);
    let symbols_at = usize::from(header.e_ehsize);
    let strings_at = symbols_at + symbols.len() * of_symbol;
    let sections_at = strings_at + strings.len();
    let place = |at: usize, size: usize| (at as u64, size as u64);
    let ((symtab, symtab_size), (strtab, strtab_size)) =
        (place(symbols_at, strings_at - symbols_at), place(strings_at, strings.len()));
    let section =
        |sh_type, sh_offset, sh_size| SectionHeader { sh_type, sh_offset, sh_size, ..SectionHeader::default() };
    let text = SectionHeader {
        sh_name: 1,
        sh_flags: u64::from(SHF_ALLOC | SHF_EXECINSTR),
        sh_addr: begin,
        ..section(SHT_NOBITS, 0, end - begin)
    };
    let table = section(SHT_SYMTAB, symtab, symtab_size);
    let table = SectionHeader { sh_link: 3, sh_info: 1, sh_entsize: of_symbol as u64, ..table };
    let sections = [SectionHeader::default(), text, table, section(SHT_STRTAB, strtab, strtab_size)];
    (header.e_type, header.e_machine) = (ET_EXEC, EM_X86_64);
    (header.e_shoff, header.e_shnum, header.e_shstrndx) = (sections_at as u64, sections.len() as u16, 3);

    let mut bytes = vec![0; sections_at + sections.len() * of_section];
    bytes.pwrite_with(header, 0, ctx.le)?;
    bytes[strings_at..sections_at].copy_from_slice(&strings);
    for (number, symbol) in symbols.into_iter().enumerate() {
        bytes.pwrite_with(symbol, symbols_at + number * of_symbol, ctx)?;
    }
    for (number, section) in sections.into_iter().enumerate() {
        bytes.pwrite_with(section, sections_at + number * of_section, ctx)?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_read_whatever_lies_between_them() {
        let said = "==> /sys/module/raid1/sections/. <==\n\n==> /sys/module/raid1/sections/.text <==\n0xffffffffc0452000\n\n\
                    ==> /sys/module/xor/sections/.text <==\n0xffffffffc0477000\n";
        let sections = sections(said);
        assert_eq!(sections["raid1"][".text"], "0xffffffffc0452000");
        assert_eq!(sections["xor"][".text"], "0xffffffffc0477000");
    }

    #[test]
    fn functions_are_found_where_they_are() {
        let kallsyms = "ffffffff81000000 T _text\n0000000000000000 A fixed\nffffffffc04521a0 t raid1_error\t[raid1]\n";
        let bytes = file(kallsyms).unwrap();
        let elf = goblin::elf::Elf::parse(&bytes).unwrap();
        let names = elf.syms.iter().map(|symbol| (symbol.st_value, elf.strtab.get_at(symbol.st_name).unwrap()));
        assert_eq!(
            names.collect::<Vec<_>>(),
            [(0, ""), (0xffffffff81000000, "_text"), (0xffffffffc04521a0, "raid1_error")]
        );
        assert_eq!(elf.section_headers[1].sh_addr, 0xffffffff81000000);
    }
}
