#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Which plugin files are refused, and that a refusal touches one file only: small bad plugins are
# compiled here and laid beside a good one.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Cwd qw(abs_path);
use File::Temp;
use House qw(srcdir builddir capture make_var);
use JSON::PP;
use Test::More;

my $tmp = File::Temp->newdir;
my $dir = "$tmp/plugins";
mkdir $dir or die;
my @cc = split ' ', make_var('CC') || 'cc';

my $source = <<'C';
#include <sonde/plugin.h>
#include <stdlib.h>
static const struct sonde_param params[] = { PARAMS { NULL } };
static const struct sonde_field fields[] = { FIELDS { NULL } };
static int start(struct sonde_probe *p) { return 0; }
static void cancel(struct sonde_probe *p, enum sonde_why w) { p->host->done(p, 0, NULL); }
static void finish(struct sonde_probe *p) { }
EXTRA
SONDE_PLUGIN = { SONDE_PLUGIN_HEAD, .name = "NAME", .version = "1", .summary = "s",
	.license = "l", .args_size = 64, .params = params, .fields = fields, .start = start,
	.cancel = cancel, .finish = finish, MORE };
C

# Compiles FILE.so from the text above with its words replaced.
sub build {
  my ($file, %word) = @_;
  my $text = $word{TEXT} // $source;
  my %all = (NAME => $file, PARAMS => '', FIELDS => '', EXTRA => '', MORE => '', %word);
  $text =~ s/\b(NAME|PARAMS|FIELDS|EXTRA|MORE)\b/$all{$1}/g;
  open my $out, '>', "$tmp/$file.c" or die;
  print $out $text;
  close $out;
  my ($rc, $said) = capture(@cc, '-shared', '-fPIC', '-Wno-override-init', '-w', '-I', srcdir() . '/core/include',
    '-o', "$dir/$file.so", "$tmp/$file.c");
  die "cc: $said" if $rc;
  chmod 0755, "$dir/$file.so";
}

my %why; # file => what the refusal must say
sub bad { my ($file, $re, %word) = @_; build($file, %word); $why{$file} = $re }

build('good');
bad('lies', qr/shorter than it says/, MORE => '.size = sizeof(struct sonde_plugin) + 64');
bad('abi', qr/ABI 99/, MORE => '.abi = 99');
bad('abi_only', qr/ABI 7/, TEXT => 'const unsigned sonde_plugin[2] = { 7, 8 };');
bad('small', qr/size of 8 bytes/, MORE => '.size = 8');
bad('other', qr/calls itself "liar"/, MORE => '.name = "liar"');
bad('nosymbol', qr/exports no sonde_plugin/, TEXT => 'int other;');
bad('unlinked', qr/cannot be linked.*no_such_function/,
  EXTRA => 'extern void no_such_function(void); void (*keep)(void) = no_such_function;');
bad('nostart', qr/start, cancel or finish/, MORE => '.start = NULL');
bad('noparams', qr/no parameter rows/, MORE => '.params = NULL');
bad('nofields', qr/no field rows/, MORE => '.fields = NULL');
bad('nosummary', qr/summary is missing/, MORE => '.summary = NULL');
bad('offset', qr/parameter rows are not valid/,
  PARAMS => '{ "a", SONDE_TYPE_INT, 1000, "help" },');
bad('badfield', qr/field row 0/, FIELDS => '{ "a", 77, "help" },');
bad('rowsize', qr/impossible size/, MORE => '.param_size = 3');
bad('needs', qr/does not know/, MORE => '.needs = 1u << 30');
bad('huge', qr/too large/, MORE => '.args_size = 1u << 30');
bad('crash', qr/crashes while it is opened/,
  EXTRA => '__attribute__((constructor)) static void c(void) { abort(); }');
bad('leaves', qr/ends the process/,
  EXTRA => '__attribute__((constructor)) static void c(void) { exit(0); }');
bad('hangs', qr/hangs while it is opened/,
  EXTRA => '__attribute__((constructor)) static void c(void) { for (;;) ; }');
bad('writable', qr/anybody may write to the file/);
chmod 0777, "$dir/writable.so";
bad('Upper', qr/not called NAME\.so/);
symlink "$dir/good.so", "$dir/linked.so" or die;
$why{linked} = qr/symbolic link/;
mkdir "$dir/folder.so" or die;
$why{folder} = qr/not a regular file/;
mkfifo("$dir/pipe.so");
$why{pipe} = qr/not a regular file/;
open my $junk, '>', "$dir/junk.so" or die;
print $junk "this is no shared object\n" x 100;
close $junk;
chmod 0644, "$dir/junk.so";
$why{junk} = qr/cannot be linked/;
open my $note, '>', "$dir/README" or die;

sub mkfifo { require POSIX; POSIX::mkfifo($_[0], 0644) or die }

sub describe {
  my ($rc, $text) = capture(builddir() . '/sonde-runner', '--describe', '--plugins', $_[0],
    '--log-level', 'error');
  is($rc, 0, 'describe ends well') or diag($text);
  my ($line) = grep { /^\{"plugins"/ } split /\n/, $text;
  return decode_json($line // '{}');
}

my $all = describe($dir);
is_deeply([sort map { $_->{name} } @{ $all->{plugins} }], [qw(good)], 'the good ones stand');
my %told = map { $_->{file} =~ m{([^/]+)\.so$} ? ($1 => $_->{why}) : () } @{ $all->{refused} };
for my $file (sort keys %why) {
  like($told{$file} // 'not refused', $why{$file}, $file);
  unlike($told{$file} // '', qr/\n/, "$file: one sentence");
}
is(scalar(keys %told), scalar(keys %why), 'nothing else is refused');

subtest 'directories' => sub {
  mkdir "$tmp/second" or die;
  system('cp', "$dir/good.so", "$tmp/second/good.so") == 0 or die;
  my $two = describe("$tmp/second:$dir:$tmp/none");
  my %why_of = map { ($_->{file} => $_->{why}) } @{ $two->{refused} };
  like($why_of{"$dir/good.so"}, qr/earlier directory/, 'the first of a name stands');
  like($why_of{"$tmp/none"}, qr/no such directory/, 'a directory that is not there');
  mkdir "$tmp/open" or die;
  chmod 0777, "$tmp/open";
  my $open = describe("$tmp/open");
  like($open->{refused}[0]{why}, qr/anybody may write/, 'a directory for anybody');
};

subtest 'rows' => sub {
  my $d = describe(builddir() . '/plugins/tcp/.libs');
  my $tcp = $d->{plugins}[0];
  is($tcp->{name}, 'tcp', 'name');
  is_deeply($tcp->{needs}, [qw(tcp resolve)], 'needs');
  my ($port) = grep { $_->{name} eq 'port' } @{ $tcp->{params} };
  is_deeply([@$port{qw(type min max)}], ['int', 1, 65535], 'a parameter');
  my ($rtt) = grep { $_->{name} eq 'timings[].rtt' } @{ $tcp->{fields} };
  is_deeply([@$rtt{qw(type unit)}], [qw(number ms)], 'a field');
};

done_testing;
