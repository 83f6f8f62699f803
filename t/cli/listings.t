#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Every listing in every format against a real controller: JSON is an array, JSON lines and CSV have an
# element a line, and tables a first line of names that --no-headers takes away.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use JSON::PP;
use Sonde;
use Terminal;
use Test::More;

my $s = Sonde->new;
$ENV{XDG_CONFIG_HOME} = "$s->{dir}/config";
$s->start_controller('--log-level', 'warn');
$s->start_nodes(qw(eu us));
$s->measure({ type => 'ping', target => '127.0.0.1', limit => 2, measurementOptions => { packets => 1 } });
$s->post('/v1/schedules', { name => 'web', type => 'ping', target => '127.0.0.1', interval => '5s',
  paused => JSON::PP::true });
$s->post('/v1/silences', { match => 'web, "quoted"', duration => '1h', comment => "two\nlines" });

sub ok_cli {
  my ($rc, $out, $err) = $s->cli(@_);
  is($rc, 0, "@_") or diag $err;
  return $out;
}

# Rows of a CSV text; dies where it is none.
sub csv {
  my ($text) = @_;
  my (@rows, @row);
  while (length $text) {
    my $cell = $text =~ s/^"((?:[^"]|"")*)"// ? $1 =~ s/""/"/gr : $text =~ s/^([^",\r\n]*)// ? $1 : '';
    push @row, $cell;
    next if $text =~ s/^,//;
    $text =~ s/^\r\n// or die 'no CSV at ' . substr $text, 0, 40;
    push @rows, [splice @row];
  }
  return @rows;
}

my @listings = (
  [qw(node ls)], [qw(token ls)], [qw(measurement ls)], [qw(plugin ls)], [qw(policy ls)], [qw(schedule ls)],
  [qw(event ls)], [qw(event ls --open)], [qw(event silence)], [qw(user ls)], [qw(audit)],
  [qw(context ls)], [qw(plugin ls --node node-eu)],
);
for my $listing (@listings) {
  my $list = eval { decode_json(ok_cli(@$listing, qw(-o json))) };
  is(ref $list, 'ARRAY', 'is an array') or diag($@), next;
  my @lines = split /\n/, ok_cli(@$listing, qw(-o jsonl));
  is(scalar @lines, scalar @$list, 'a line an element');
  is(scalar(grep { ref eval { decode_json($_) } ne 'HASH' } @lines), 0, 'each is an object');
  my @rows = csv(ok_cli(@$listing, qw(-o csv)));
  is(scalar @rows, 1 + @$list, 'CSV: names, and a row an element');
  is(join(' ', grep { !/^[a-z][a-z0-9_]*$/ } @{ $rows[0] }), '', 'names for programs');
  is(scalar(grep { @$_ != @{ $rows[0] } } @rows), 0, 'all rows as long');
  # Figures such as load and round trip may have changed meanwhile.
  is_deeply([ map { $_->[0] } csv(ok_cli(@$listing, qw(-o csv --no-headers))) ],
    [ map { $_->[0] } @rows[ 1 .. $#rows ] ], 'without names');
  my @table = split /\n/, ok_cli(@$listing);
  is(scalar @table, 1 + @$list, 'a table: a line an element') or diag join "\n", @table;
  like($table[0], qr/^[A-Z][A-Z ]*$/, 'names for people');
  is(scalar(split /\n/, ok_cli(@$listing, '--no-headers')), scalar @$list, 'and without');
}

for my $one ([qw(schedule show web)], [qw(node show node-eu)], [qw(plugin show ping)], [qw(policy show least_load)],
  [qw(whoami)], [qw(limits)]) {
  is(ref eval { decode_json(ok_cli(@$one, qw(-o json))) }, 'HASH', 'is an object');
  is(scalar(split /\n/, ok_cli(@$one, qw(-o jsonl))), 1, 'JSON lines: one');
}

subtest 'a narrow terminal' => sub {
  plan skip_all => 'there are no pseudo terminals here' unless -c '/dev/ptmx' && -d '/dev/pts';
  local @ENV{qw(SONDE_URL SONDE_TOKEN)} = ($s->url, $s->{token});
  for my $columns (40, 500) {
    my $t = Terminal->new(24, $columns, Sonde::program('sonde'), 'node', 'ls');
    is($t->end(30), 0, "$columns columns");
    my @lines = grep { length } $t->lines;
    is(scalar @lines, scalar(split /\n/, ok_cli(qw(node ls))), 'a line an element');
    is(scalar(grep { length > $columns } @lines), 0, 'none is longer than the terminal');
    is(scalar(grep { /^.{39}>$/ } @lines), $columns == 40 ? scalar @lines : 0, 'what goes on says so');
  }
};

# What somebody new would type.
is(scalar(grep { /\S/ } split /\n/, ok_cli(qw(export --since 1h))), scalar(split /\n/, ok_cli('export')), '--since 1h');
is(ok_cli(qw(export --until 1h)), '', '--until 1h');
is(($s->cli(qw(export --since yesterday)))[0], 2, 'a time that is none');
unlike(ok_cli(qw(node show node-eu)), qr/:$(?!\n  )/m, 'what is not there is not shown');
my $help = ok_cli(qw(plugin show ping));
like($help, qr/--wait duration .*\(from 1ms to 60s, default 2s\)/, 'durations with their unit');
like($help, qr/--source string .*\(at most 45 characters\)/, 'texts by their length');
for my $case ([ [qw(event silence x --for 1x)], 2, qr/--for must be a duration such as 2h, not '1x'/ ],
  [ [qw(node set node-eu colour=red)], 2, qr/"colour" cannot be changed; what can: name region .* contact remarks/ ],
  [ [qw(user add nell --tier gold --password-file), "$s->{dir}/admin.token"], 2,
    qr/"tier" must be one of free, premium, pro$/ ],
  [ [qw(user credits)], 5, qr/no account: make one with sonde user add/ ],
  [ ['backup', "$s->{dir}/admin.token"], 1, qr/is there already; remove it, or name another file/ ],
  [ [qw(backup /nowhere/b)], 1, qr{cannot write /nowhere/b: No such file} ],
  [ [qw(nodee ls)], 2, qr/did you mean 'node'\? See sonde help$/ ]) {
  my ($code, undef, $err) = $s->cli(@{ $case->[0] });
  is($code, $case->[1], "@{ $case->[0] }");
  like($err, $case->[2], 'says what to do');
}
done_testing;
