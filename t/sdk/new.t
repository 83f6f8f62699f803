#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# `sonde plugin new`: what it writes, and what it refuses to write over.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin, "$FindBin::Bin/../lib";
use File::Temp;
use House qw(slurp);
use Sdk qw(sonde spew);
use Test::More;

my $tmp = File::Temp->newdir;

subtest 'a new directory' => sub {
  my ($rc, $said) = sonde('plugin', 'new', "$tmp/my_probe/");
  is($rc, 0, 'is made') or diag($said);
  opendir my $dir, "$tmp/my_probe" or die;
  my @files = sort grep { !/^\.\.?$/ } readdir $dir;
  is_deeply(\@files, [qw(Makefile my_probe.c my_probe.md my_probe_test.c)], 'with four files');
  like($said, qr{\Q$tmp\E/my_probe/+$_\n}, "tells $_") for @files;
  unlike(slurp("$tmp/my_probe/$_"), qr/\@name\@/, "$_: the name is put in") for @files;
  like(slurp("$tmp/my_probe/my_probe.c"), qr/\.name = "my_probe"/, 'and is that of the directory');
};

subtest 'an empty directory and another name' => sub {
  mkdir "$tmp/Work-2" or die;
  my ($rc, $said) = sonde('plugin', 'new', "$tmp/Work-2", '--name', 'probe2');
  is($rc, 0, 'are taken') or diag($said);
  ok(-f "$tmp/Work-2/probe2.c", 'the files have the name');
};

subtest 'refusals' => sub {
  mkdir "$tmp/full" or die;
  spew("$tmp/full/note", "mine\n");
  spew("$tmp/file", "mine\n");
  my @cases = (
    [1, qr/full is not empty/, "$tmp/full"],
    [1, qr/cannot write into .*file: Not a directory/, "$tmp/file"],
    [1, qr/cannot make .*: No such file/, "$tmp/none/deeper"],
    [2, qr/'Upper' cannot be the name/, "$tmp/Upper"],
    [2, qr/'9lives' cannot be/, "$tmp/9lives"],
    [2, qr/'a-b' cannot be/, "$tmp/a-b"],
    [2, qr/cannot be the name/, "$tmp/" . 'x' x 32],
    [2, qr/cannot be the name/, '/'],
    [2, qr/'\.\.\/up' cannot be/, "$tmp/up", '--name', '../up'],
    [2, qr/'plugin' is a command/, "$tmp/plugin"],
    [2, qr/'help' is a command/, "$tmp/help"],
    [2, qr/usage: sonde plugin new DIR/],
    [2, qr/usage: sonde plugin new DIR/, "$tmp/a", "$tmp/b"],
  );
  for my $case (@cases) {
    my ($code, $like, @args) = @$case;
    my ($rc, $said) = sonde('plugin', 'new', @args);
    is($rc, $code, "@args");
    like($said, qr/^sonde: [^\n]*$like[^\n]*\n\z/, 'one sentence');
  }
  opendir my $dir, "$tmp" or die;
  is_deeply([sort grep { !/^\./ } readdir $dir], [qw(Work-2 file full my_probe)], 'nothing was made');
};

my ($rc, $help) = sonde('help', 'plugin', 'new');
like($help, qr/--name NAME/, 'help');
done_testing;
