#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# doc/cli.md against the client: its tables of commands and exit codes are those of `sonde help`, and
# every command line of README.md and doc/ is one that the client knows. `manual.t --write` puts the
# tables into doc/cli.md.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use House qw(srcdir builddir slurp files);
use Test::More;

my $sonde = builddir() . '/sonde';

sub help {
  open my $in, '-|', $sonde, 'help', @_ or die "$sonde: $!";
  local $/;
  my $text = <$in> // '';
  close $in or die "sonde help @_: $?";
  return $text;
}

# The lines of a paragraph that has a title.
sub part {
  my ($text, $title) = @_;
  return $text =~ /^\Q$title\E:\n((?: .*\n)+)/m ? split /\n/, $1 : ();
}

sub options { return map { /^ +((?:-\w, )?--[\w-]+(?: [A-Z=]+)?)/ ? $1 : () } @_ }

my $all = help();
my (@commands, %own, %every);
my @global = options(part($all, 'options of every command'));
for my $line (part($all, 'commands')) {
  my ($usage, $summary) = $line =~ /^  (\S.*?) {2,}(\S.*)$/ or die "what is '$line'?";
  my ($name) = $usage =~ /^([a-z][a-z-]*(?: [a-z][a-z-]*)?)/;
  $name = 'help' if $name =~ /^help/;
  my $text = $name =~ /^(help|version)$/ ? '' : help(split / /, $name);
  my @own = options(part($text, 'options'));
  push @commands, [$name, $usage, $summary, @own];
  $every{$name} = { map { my $o = $_; map { ($_ => 1) } $o =~ /(--?[\w-]+)/g } @own, @global };
}

sub command_table {
  return "| command | | options |\n|---|---|---|\n" . join '', map {
    my ($name, $usage, $summary, @own) = @$_;
    s/\|/\\|/g for $usage, $summary;
    "| `$usage` | $summary | " . join(' ', map { "`$_`" } @own) . " |\n";
  } @commands;
}

sub exit_table {
  return "| code | |\n|---|---|\n" . join '', map { /^ +(\d+)  (.+)/ ? "| $1 | $2 |\n" : () }
    part($all, 'exit codes');
}

my %tables = (commands => command_table(), codes => exit_table());
my $file = srcdir() . '/doc/cli.md';
my $doc  = slurp($file);

if (@ARGV && $ARGV[0] eq '--write') {
  $doc =~ s/(<!-- $_ -->\n).*?(<!-- end -->)/$1$tables{$_}$2/s for keys %tables;
  open my $out, '>', $file or die "$file: $!";
  print $out $doc;
  close $out or die $!;
  exit 0;
}

cmp_ok(scalar @commands, '>', 40, 'there are commands');
for my $name (sort keys %tables) {
  my ($there) = $doc =~ /<!-- $name -->\n(.*?)<!-- end -->/s;
  is($there, $tables{$name}, "the table of $name in doc/cli.md (t/cli/manual.t --write renews it)");
}

# ---- what the manuals tell people to type ----

my %types = map { m{^plugins/([^/]+)/\1\.md$} ? ($1 => 1) : () } files(srcdir(), 'plugins', qr/\.md$/);
$types{$_} = 1 for qw(echo traceroute mtr udp ntp lookup); # the last is the one of doc/plugins.md

# Why a line is none that can be typed; undef when it can.
sub wrong {
  my ($line) = @_;
  my @words = grep { length } split / +/, $line =~ s/\s+#.*//r =~ s/'[^']*'|"[^"]*"/X/gr =~ s/[<>|;&(].*//r;
  shift @words;
  splice @words, 0, 2 while @words > 1 && $words[0] =~ /^(?:-o|--(?:url|token-file|context|ca-file))$/;
  return undef if !@words || $words[0] eq 'help' || $words[0] =~ /^--?(help|version|h)$/ || $words[0] =~ /^[A-Z.\x{2026}]/;
  my ($name) = grep { $every{$_} } "$words[0] " . ($words[1] // ''), $words[0];
  return undef if !$name && $types{ $words[0] };
  # new|check|test: each of them
  if (!$name && ($words[1] // '') =~ /^[a-z|-]+\|[a-z|-]+$/) {
    my @none = grep { !$every{"$words[0] $_"} } split /\|/, $words[1];
    return @none ? "there is no command '$words[0] $none[0]'" : undef;
  }
  return "there is no command '$words[0]'" unless $name;
  for my $word (@words) {
    next unless $word =~ /^(--?[a-z][\w-]*)/;
    return "$name has no option $1" unless $every{$name}{$1};
  }
  return undef;
}

for my $path ('README.md', files(srcdir(), 'doc', qr/\.md$/)) {
  my @bad;
  my $n = 0;
  for (split /\n/, slurp(srcdir() . "/$path")) {
    $n++;
    my @lines = /^ {4}(?:\$ |\(umask 077; )?(sonde .*)/ ? $1 : /`(sonde [^`]+)`/g;
    for my $line (@lines) {
      my $why = wrong($line);
      push @bad, "$path:$n: $line: $why" if $why;
    }
  }
  is_deeply(\@bad, [], "every command of $path is one") or diag(join "\n", @bad);
}
ok(wrong('sonde nood ls'), 'a command that is none is found');
ok(wrong('sonde node ls --everything'), 'an option that is none is found');
done_testing;
