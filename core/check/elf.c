/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the dynamic symbol table of an ELF file through its section headers. The bytes are foreign:
 * every offset is checked against the file. Owns nothing. */
#include <elf.h>
#include <link.h>
#include <string.h>

#include "check/internal.h"

struct range {
	const uint8_t *at;
	size_t len;
};

static bool take(struct range file, uint64_t offset, uint64_t len, struct range *out)
{
	if (offset > file.len || len > file.len - offset)
		return false;
	*out = (struct range){ file.at + offset, len };
	return true;
}

static bool read_section(struct range file, const ElfW(Ehdr) *head, uint32_t index,
                         ElfW(Shdr) *section)
{
	struct range at;

	if (index >= head->e_shnum ||
	    !take(file, head->e_shoff + (uint64_t)index * sizeof(*section), sizeof(*section), &at))
		return false;
	memcpy(section, at.at, sizeof(*section));
	return true;
}

static int read_symbols(struct range symbols, struct range names,
                        void (*fn)(void *, const char *, bool), void *arg)
{
	for (size_t at = 0; at + sizeof(ElfW(Sym)) <= symbols.len; at += sizeof(ElfW(Sym))) {
		ElfW(Sym) s;
		memcpy(&s, symbols.at + at, sizeof(s));
		unsigned bind = s.st_info >> 4, visibility = s.st_other & 3;
		if (bind == STB_LOCAL || visibility == STV_HIDDEN || visibility == STV_INTERNAL)
			continue;
		if (s.st_name >= names.len ||
		    !memchr(names.at + s.st_name, '\0', names.len - s.st_name))
			return SONDE_EINVAL;
		fn(arg, (const char *)names.at + s.st_name, s.st_shndx != SHN_UNDEF);
	}
	return SONDE_OK;
}

int check_elf_symbols(const uint8_t *data, size_t len,
                      void (*fn)(void *, const char *, bool), void *arg)
{
	struct range file = { data, len }, symbols, names;
	ElfW(Ehdr) head;
	ElfW(Shdr) section, strings;

	if (len < sizeof(head))
		return SONDE_EINVAL;
	memcpy(&head, data, sizeof(head));
	if (memcmp(head.e_ident, ELFMAG, SELFMAG) ||
	    head.e_ident[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32) ||
	    head.e_shentsize != sizeof(section) || head.e_shoff > len)
		return SONDE_EINVAL;
	for (uint32_t i = 0; i < head.e_shnum; i++) {
		if (!read_section(file, &head, i, &section))
			return SONDE_EINVAL;
		if (section.sh_type != SHT_DYNSYM)
			continue;
		if (!read_section(file, &head, section.sh_link, &strings) ||
		    !take(file, section.sh_offset, section.sh_size, &symbols) ||
		    !take(file, strings.sh_offset, strings.sh_size, &names))
			return SONDE_EINVAL;
		return read_symbols(symbols, names, fn, arg);
	}
	return SONDE_EINVAL;
}
