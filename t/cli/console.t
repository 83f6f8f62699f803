#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# `sonde policy console` on a real terminal: lines are edited, earlier ones come back, also those of
# another day, ^C takes a line away, and nothing but the history is left behind.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Sonde;
use Terminal;
use Test::More;
use Time::HiRes qw(sleep time);

plan skip_all => 'there are no pseudo terminals here' unless -c '/dev/ptmx' && -d '/dev/pts';

my $s = Sonde->new;
$s->start_controller;
$s->start_nodes('eu');
mkdir "$s->{dir}/$_" for qw(home tmp);
@ENV{qw(SONDE_URL SONDE_TOKEN SONDE_POLICY_TOOL XDG_CONFIG_HOME TMPDIR)} =
  ($s->url, $s->{token}, Sonde::program('sonde-policy'), "$s->{dir}/home", "$s->{dir}/tmp");
my $history = "$s->{dir}/home/sonde/console.history";
umask 022;

sub console { return Terminal->new(24, 100, Sonde::program('sonde'), 'policy', 'console', 'round_robin') }

use constant ICANON => 2;
my $edits = 0;

# The editor takes the terminal after the prompt is there: keys before that are the terminal's.
sub wait_editing {
  my ($t) = @_;
  $s->until(30, sub { !((split / /, $t->modes)[3] & ICANON) });
}

# What it writes from now on has this; sequences of the editor are left out.
sub says {
  my ($t, $keys, $like, $name) = @_;
  $t->{raw} = '';
  wait_editing($t) if $edits && length $keys;
  $t->type($keys);
  my $end = time + 30;
  while (time < $end) {
    my $ready = '';
    vec($ready, fileno $t->{master}, 1) = 1;
    if (select $ready, undef, undef, 0.1) {
      sysread $t->{master}, $t->{raw}, 1 << 16, length $t->{raw} or last;
    }
    return pass($name) if $t->{raw} =~ s/\e\[[0-9;?]*[A-Za-z]|\r//gr =~ $like;
  }
  fail($name);
  diag $t->{raw};
}

# The files that the tool was given.
sub given {
  my ($t) = @_;
  for my $stat (glob '/proc/[0-9]*/stat') {
    open my $f, '<', $stat or next;
    next unless (<$f> // '') =~ /^(\d+) \(.*\) \S (\d+)/ && $2 == $t->{pid};
    open my $c, '<', "/proc/$1/cmdline" or next;
    return grep { m{^/tmp/sonde-policy-} } split /\0/, <$c>;
  }
  return ();
}

my $t = console();
says($t, '', qr/round_robin on 1 nodes; :help.*\n> /s, 'it begins');
my @given = given($t);
is(scalar(grep { -e } @given), 2, 'with the policy and the nodes in files');
says($t, ":help\n", qr/:quit or ctrl-D .*\n> /s, ':help');
$edits = $t->{raw} =~ /ctrl-R/;
SKIP: {
  skip 'this was built without libedit', 1 unless $edits;
  says($t, "6 * 7\n", qr/^42$/m, 'a line');
  says($t, "\e[A\n", qr/^42$/m, 'the one before');
  says($t, "\e[A\x7f8\n", qr/^48$/m, 'changed at its end');
  says($t, "10\x01300 + \n", qr/^310$/m, 'and at its beginning');
  says($t, "error(\cC1 + 1\n", qr/^2$/m, '^C takes the line away, the console stays');
  says($t, "\x126 *\n\n", qr/^48$/m, '^R finds a line');
  says($t, "#'gr\xc3\xbc\xc3\xbcn\x7f\x7fn'\n", qr/^5$/m, 'a character is taken back as a whole');
  says($t, ":quit\n", qr/:quit/, ':quit');
  is($t->end(20), 0, 'ends it');
  is($t->modes, $t->{before}, 'the terminal is as it was');
  is(sprintf('%o', (stat $history)[2] & 07777), '600', 'the history is for its owner only');

  $t = console();
  says($t, '', qr/> /, 'another day');
  says($t, "\x121 +\n\n", qr/^2$/m, 'lines of before are there');
  wait_editing($t);
  $t->type("\x04");
  is($t->end(20), 0, 'ctrl-D ends it');
}
$t->type(":quit\n");
$t->end(20) if $t->{pid};
is_deeply([ grep { -e } @given ], [], 'no file is left behind');
done_testing;
