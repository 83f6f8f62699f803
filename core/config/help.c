/* SPDX-License-Identifier: Apache-2.0 */
/* --help from the rows, so that it cannot tell of a flag that does not exist. */
#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "config/yaml.h"

static const char *value_word(uint32_t type)
{
	static const char *const words[] = {
		[SONDE_TYPE_BOOL] = "",          [SONDE_TYPE_INT] = " NUMBER",
		[SONDE_TYPE_NUMBER] = " NUMBER", [SONDE_TYPE_STRING] = " TEXT",
		[SONDE_TYPE_ENUM] = " CHOICE",   [SONDE_TYPE_DURATION] = " DURATION",
		[SONDE_TYPE_MAP] = " MAP",
	};

	return type < sizeof(words) / sizeof(words[0]) && words[type] ? words[type] : "";
}

static void print_limits(const struct sonde_param *row)
{
	const char *unit = row->type == SONDE_TYPE_DURATION ? "ms" : row->unit;
	bool ranged = row->type != SONDE_TYPE_STRING && row->type != SONDE_TYPE_ENUM &&
	              row->type != SONDE_TYPE_MAP && (row->min || row->max);

	for (unsigned i = 0; row->type == SONDE_TYPE_ENUM && row->names[i]; i++)
		printf("%s%s", i ? ", " : "      One of ", row->names[i]);
	if (row->type == SONDE_TYPE_ENUM)
		puts(".");
	if (ranged)
		printf("      From %lld to %lld%s%s.\n", (long long)row->min, (long long)row->max,
		       unit ? " " : "", unit ? unit : "");
}

static void print_row(const struct sonde_param *row)
{
	char name[SONDE_CONFIG_NAME];

	sonde_config_flag(row->name, name);
	printf("  %s%s\n", name, value_word(row->type));
	if (row->help)
		printf("      %s\n", row->help);
	print_limits(row);
	sonde_config_variable(row->name, name);
	printf("      %s; ", name);
	if (row->flags & SONDE_PARAM_REQUIRED)
		puts("required");
	else if (row->def && *row->def && !(row->flags & SONDE_PARAM_SECRET))
		printf("default %s\n", row->def);
	else
		puts("no default");
}

void sonde_config_help(struct sonde_rows rows, const char *program, const char *summary)
{
	struct sonde_param row;

	printf("Usage: %s [--config FILE] [FLAG...]\n\n%s\n\n", program, summary);
	puts("Flags win over SONDE_ variables, these over the YAML file, the file over defaults.\n"
	     "In the file, --guard-allow is the key \"allow\" of the map \"guard\".\n\n"
	     "  -c, --config FILE\n"
	     "      The YAML file to read.\n"
	     "      SONDE_CONFIG; no default");
	for (unsigned i = 0; sonde_row_at(rows, i, &row); i++)
		print_row(&row);
}
