#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Completion, in the shells themselves: each is asked what it offers, as a key press does.
use strict;
use warnings;
use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use Test::More;

my $bld = abs_path($ENV{top_builddir} || '.');
my $dir = tempdir(CLEANUP => 1);
symlink "$bld/sonde", "$dir/sonde" or die $!;
$ENV{PATH} = "$dir:$ENV{PATH}";
$ENV{HOME} = $dir;
$ENV{SONDE_URL} = 'http://127.0.0.1:9'; # nobody may be asked

sub sh { my @c = @_; open my $p, '-|', @c or die $!; my @l = <$p>; close $p; chomp @l; return @l }
sub words { return sh("$bld/sonde", 'completion', 'words', '--', @_) }

my @groups = words('');
my %has = map { ($_ => 1) } @groups;
ok($has{$_}, "a command: $_") for qw(node policy schedule backup restore completion help version);
is(scalar @groups, scalar keys %has, 'each once');
is_deeply([ words('pol') ], ['policy'], 'by its beginning');
my %verbs = map { ($_ => 1) } words('node', '');
ok($verbs{$_}, "node $_") for qw(ls show approve);
is_deeply([ words('node', 'app') ], ['approve'], 'by its beginning');
is_deeply([ words('help', 'node', 'app') ], ['approve'], 'after help, too');
is_deeply([ words('restore', '--sta') ], ['--state'], 'an option of a command');
ok((grep { $_ eq '--ca-file' } words('node', 'ls', '--')), 'and of all');
is_deeply([ words('ping', '--no-w') ], ['--no-wait'], 'an option of measuring');
is_deeply([ words('-o', 'json', 'node', 'app') ], ['approve'], 'behind a global option');
is_deeply([ words('--url=http://x', 'node', '--no-headers', 'app') ], ['approve'], 'and between the words');
is_deeply([ words('--ca') ], ['--ca-file'], 'before the command, too');
is_deeply([ words('-o', 'json', 'pol') ], ['policy'], 'then a command');
is_deeply([ words('-o', 'js') ], [qw(json jsonl)], 'the formats of -o');
is_deeply([ words('node', 'ls', '--color', '') ], [qw(auto always never)], 'and when to colour');
is_deeply([ words('--ca-file', '') ], [], 'a file is for the shell');
is_deeply([ words('restore', '') ], [], 'a file is for the shell');
is_deeply([ words('completion', '') ], [qw(bash zsh fish)], 'shells');
is_deeply([ words() ], [], 'nothing');
system("$bld/sonde completion tcsh >/dev/null 2>&1");
is($? >> 8, 2, 'another shell');
# Every command of the table, word by word.
my @all = grep { /^  (\w+)(?: ([a-z-]+))?/ } sh("$bld/sonde", 'help');
my $known = 0;
for (@all) {
  my ($group, $verb) = /^  ([a-z]+)(?: ([a-z-]+))? /;
  next if !$group || !$has{$group};
  $known++;
  next if !$verb || !words($group, '') || !grep { $_ eq $verb } words($group, '');
  is_deeply([ grep { $_ eq $verb } words($group, $verb) ], [$verb], "$group $verb");
}
cmp_ok($known, '>', 40, 'of the help text');

sub there { return !system("command -v $_[0] >/dev/null 2>&1") }
SKIP: {
  skip 'no bash here', 3 if !there('bash');
  my $ask = 'eval "$(sonde completion bash)"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); ' .
    'complete -p sonde >/dev/null || exit 9; _sonde; printf "%s\n" "${COMPREPLY[@]}"';
  my $try = sub { sh('bash', '--norc', '-c', $ask, 'bash', 'sonde', @_) };
  is_deeply([ $try->('pol') ], ['policy'], 'bash: a command');
  is_deeply([ $try->('node', 'app') ], ['approve'], 'bash: its verb');
  is_deeply([ $try->('restore', '--sta') ], ['--state'], 'bash: its option');
}
SKIP: {
  skip 'no zsh here', 2 if !there('zsh');
  my $ask = 'compdef() { :; }; compadd() { shift; print -l -- "$@"; }; _files() { print files; }; ' .
    'eval "$(sonde completion zsh)"; words=("$@"); CURRENT=$#; _sonde';
  is_deeply([ sh('zsh', '-f', '-c', $ask, 'zsh', 'sonde', 'node', 'app') ], ['approve'], 'zsh: a verb');
  is_deeply([ sh('zsh', '-f', '-c', $ask, 'zsh', 'sonde', 'restore', '') ], ['files'], 'zsh: a file');
}
SKIP: {
  skip 'no fish here', 2 if !there('fish');
  my $ask = sub { sh('fish', '--no-config', '-c', 'sonde completion fish | source; complete -C "' . $_[0] . '"') };
  is_deeply([ $ask->('sonde node app') ], ['approve'], 'fish: a verb');
  ok((grep { /^schedule\b/ } $ask->('sonde ')), 'fish: a command');
}
done_testing;
