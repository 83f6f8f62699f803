#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# `sonde plugin check`: the plugins of this tree pass, and each planted fault is found and named.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin, "$FindBin::Bin/../lib";
use File::Temp;
use House qw(srcdir builddir files slurp make_var);
use Sdk qw(sonde run_check compile spew);
use Test::More;

my $tmp = File::Temp->newdir;

# Every plugin of the tree but the one that misbehaves on purpose.
for my $path (files(builddir(), 'plugins', qr{^.*/\.libs/[^/]+\.so$})) {
  my ($name) = $path =~ m{([^/]+)\.so$};
  next if $name eq 'faulty';
  my ($rc, $said) = run_check(builddir() . "/$path", '--page', srcdir() . "/plugins/$name/$name.md",
    '--runs', 100, '--seed', 20260101);
  is($rc, 0, "$name is well") or diag($said);
}

my $source = <<'C';
#include <sonde/plugin.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
struct args { int64_t n; const char *text; };
static const struct sonde_param params[] = {
	{ "n", SONDE_TYPE_INT, offsetof(struct args, n), "a number", .def = "1", .max = 1000 },
	{ "text", SONDE_TYPE_STRING, offsetof(struct args, text), "a text", .def = "x" },
	{ NULL } };
static const struct sonde_field fields[] = {
	{ "n", SONDE_TYPE_INT, "the number" },
	{ "list[].text", SONDE_TYPE_STRING, "a text" }, { NULL } };
EXTRA
static void tick(struct sonde_probe *p, void *arg) {
	const struct args *a = p->args;
	(void)a;
	TICK
	p->host->put_int(p, "n", a->n);
	p->host->done(p, 0, NULL);
}
static int start(struct sonde_probe *p) {
	START
	return p->host->timer_start(p, 5000000, tick, NULL) ? 0 : -1;
}
static void cancel(struct sonde_probe *p, enum sonde_why w) { CANCEL }
static void finish(struct sonde_probe *p) { FINISH }
SONDE_PLUGIN = { SONDE_PLUGIN_HEAD, .name = "NAME", .version = "1", .summary = "s",
	.license = "l", .args_size = sizeof(struct args), .params = params, .fields = fields,
	.start = start, .cancel = cancel, .finish = finish, .target = SONDE_TARGET_IS_TEXT, MORE };
C

sub plant {
  my ($name, %word) = @_;
  my %all = (NAME => $name, EXTRA => '', TICK => '', START => '', FINISH => '', MORE => '',
    CANCEL => 'p->host->done(p, SONDE_FAIL_CANCELLED, "x");', %word);
  (my $text = $source) =~ s/\b(NAME|EXTRA|TICK|START|CANCEL|FINISH|MORE)\b/$all{$1}/g;
  return compile("$tmp", $name, $text);
}

my $page = "$tmp/page.md";
spew($page, "`n` `text` `list`\n");
sub check { return run_check(@_, '--page', $page, '--seed', 5, '--runs', 60) }

my ($rc, $said) = check(plant('good'));
is($rc, 0, 'a good plugin') or diag($said);
like($said, qr/\A\S+: 60 runs with seed 5\n\S+: it is well\n\z/, 'says so');

subtest 'planted faults' => sub {
  my @faults = (
    ['deaf',     qr/deaf does not end after cancel\(\) \[in a run/, CANCEL => '',
      START => 'return !p->host->timer_start(p, 1000000000000, tick, NULL);'],
    ['idle',     qr/idle waits for nothing/, START => 'return 0;'],
    ['twice',    qr/done\(\) twice/, FINISH => 'p->host->done(p, 0, NULL);'],
    ['late',     qr/written after done\(\)/, FINISH => 'p->host->put_int(p, "n", 1);'],
    ['leaks',    qr/descriptor was left open/, START => 'dup(0);'],
    ['open',     qr/has an open bracket/, TICK => 'p->host->open(p, "list", 123);'],
    ['secret',   qr/the result's other has no field row/, TICK => 'p->host->put_int(p, "other", 1);'],
    ['mistyped', qr/the result's list\[\]\.text is not of the type/,
      TICK => 'p->host->open(p, "list", 91); p->host->open(p, NULL, 123);
               p->host->put_int(p, "text", 1); p->host->close(p); p->host->close(p);'],
    ['double',   qr/the result is not JSON: duplicate/, TICK => 'p->host->put_int(p, "n", 1);'],
    ['undeclared', qr/a kind that `needs` does not declare/,
      START => 'p->host->socket(p, AF_INET, SOCK_STREAM, 0, NULL);'],
    ['crash',    qr/it crashes \(.+\) \[in run \d+: .*n=1000/, TICK => 'if (a->n == 1000) abort();'],
    ['leaves',   qr/it ends the process \(exit code 3\)/, TICK => '_exit(3);'],
    ['spins',    qr/takes longer than 5 s of real time \[in a run with the defaults: target=hello\]/,
      TICK => 'for (;;);'],
    ['starving', qr/it (crashes|ends the process) .*bytes of memory/,
      TICK => 'memset(p->host->alloc(p, 3000), 1, 3000);'],
    ['mute',     qr/check\(\) refuses without a sentence/,
      EXTRA => 'static int c(const void *a, const char *t, struct sonde_error *e) { return -1; }',
      MORE => '.check = c,'],
    ['selftest', qr/the self-test fails: table\.x is wrong/,
      EXTRA => 'static int t(struct sonde_error *e) {
        strcpy(e->path, "table.x"); strcpy(e->text, "is wrong"); return -1; }',
      MORE => '.self_test = t,'],
    ['exports',  qr/it exports helper; only sonde_plugin/,
      EXTRA => '__attribute__((visibility("default"))) void helper(void) { }'],
    ['needy',    qr/it needs the symbol sonde_log/,
      EXTRA => 'extern void sonde_log(void); void (*keep)(void) = sonde_log;'],
    ['row',      qr/parameter rows are not valid/, MORE => '.args_size = 4,'],
    ['terminal', qr/no field row|key is not plain/, TICK => 'p->host->put_int(p, "\x1b[2J", 1);'],
  );
  for my $fault (@faults) {
    my ($name, $like, %word) = @$fault;
    my ($code, $text) = check(plant($name, %word));
    is($code, 1, "$name: exit code") or diag($text);
    like($text, qr/^error: .*$like/m, "$name: found");
    unlike($text, qr/[^\n\x20-\x7e]/, "$name: plain text");
    like($text, qr/: it is not well\n\z/, "$name: verdict");
  }
};

subtest 'the same seed finds the same' => sub {
  my $file = plant('odd', TICK => 'if (a->n % 7 == 3) p->host->done(p, 0, NULL);');
  my @runs = map { (run_check($file, '--page', $page, '--seed', 99, '--runs', 40))[1] } 1 .. 2;
  is($runs[0], $runs[1], 'word for word');
  my ($code, $text) = run_check($file, '--page', $page, '--runs', 1);
  like($text, qr/with seed [1-9]\d*$/m, 'a seed of its own is told');
};

subtest 'pages' => sub {
  my $file = plant('paged');
  my ($code, $text) = run_check($file, '--runs', 1);
  is($code, 0, 'none is no error');
  like($text, qr/^warning: there is no page for users \(paged\.md/m, 'but a warning');
  spew("$tmp/paged.md", "`n` and `lists`, text\n");
  ($code, $text) = run_check($file, '--runs', 1);
  is($code, 0, 'one that lacks a field is no error');
  like($text, qr/^warning: the page does not name the field list$/m, 'but told');
  spew("$tmp/paged.md", "`n` and a `list` of texts\n");
  ($code, $text) = run_check($file, '--runs', 1);
  is($code, 1, 'one that lacks a parameter is');
  like($text, qr/^error: the page does not name the parameter text$/m, 'and told');
  ($code, $text) = run_check($file, '--page', "$tmp/none.md");
  is($code, 1, 'one that is not there');
  like($text, qr/none\.md cannot be read/, 'is told');
};

subtest 'use' => sub {
  my ($code, $text) = run_check("$tmp/none.so");
  is($code, 5, 'no such file');
  spew("$tmp/junk.so", 'junk');
  ($code, $text) = run_check("$tmp/junk.so");
  is($code, 1, 'no shared object');
  like($text, qr/^error: it cannot be linked/m, 'with the reason');
  ($code, $text) = run_check("$tmp/good.so", '--runs', 'many');
  is($code, 2, 'wrong usage');
  ($code, $text) = run_check("$tmp/good.so", '--runner', "$tmp/none");
  is($code, 1, 'no runner');
  like($text, qr/cannot start \S+none/, 'with its path');
};

done_testing;
