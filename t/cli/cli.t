#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The client against a small HTTP server of canned answers: what it asks, prints, and exits with.
use strict;
use warnings;
use utf8;
use Encode qw(decode_utf8 encode_utf8);
use File::Temp qw(tempdir);
use FindBin;
use lib "$FindBin::Bin/../lib";
use Findings;
use IO::Socket::INET;
use JSON::PP;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);

binmode $_, ':encoding(UTF-8)' for Test::More->builder->output,
  Test::More->builder->failure_output, Test::More->builder->todo_output;

my $sonde = ($ENV{top_builddir} || '.') . '/sonde';
my $dir   = tempdir(CLEANUP => 1);
my $json  = JSON::PP->new->utf8->canonical;
my @servers;
my $me = $$;
END { if ($$ == $me) { local $?; for (@servers) { kill 'TERM', $_; waitpid $_, 0 } } }

# ---- the server ----

# Routes: "METHOD /path" => [status, body, headers...], or a list of those, the last repeats. The
# log gets one JSON line a request.
sub serve {
  my (%routes) = @_;
  my $listen = IO::Socket::INET->new(Listen => 16, LocalAddr => '127.0.0.1') or die "listen: $!";
  my $self = { url => 'http://127.0.0.1:' . $listen->sockport, log => "$dir/log." . @servers };
  my $pid = fork() // die "fork: $!";
  if (!$pid) {
    $SIG{TERM} = 'DEFAULT';
    while (my $c = $listen->accept) { 1 while answer($c, \%routes, $self->{log}) }
    POSIX::_exit(0);
  }
  push @servers, $pid;
  return $self;
}

sub answer {
  my ($c, $routes, $log) = @_;
  local $/ = "\r\n";
  my ($method, $path) = (<$c> // return 0) =~ m{^(\S+) (\S+) HTTP} or return 0;
  my %h;
  while (defined(my $line = <$c>)) {
    chomp $line;
    last if $line eq '';
    $h{ lc $1 } = $2 if $line =~ /^([^:]+):\s*(.*)$/;
  }
  my $body = '';
  read $c, $body, $h{'content-length'} if $h{'content-length'};
  open my $out, '>>', $log or die $!;
  print $out $json->encode({ method => $method, path => $path, token => $h{authorization},
      etag => $h{'if-none-match'}, body => $body ne '' ? $json->decode($body) : undef }), "\n";
  close $out;
  my ($plain) = $path =~ /^([^?]*)/;
  my $route = $routes->{"$method $path"} || $routes->{"$method $plain"}
    || [ 404, { error => { type => 'not_found', message => "Couldn't find it." } } ];
  $route = @$route > 1 ? shift @$route : $route->[0] if ref $route->[0];
  my ($status, $content, @headers) = @$route;
  $content = ref $content ? $json->encode($content) : $content // '';
  print $c "HTTP/1.1 $status x\r\nContent-Length: " . length($content) . "\r\n"
    . join('', map { "$_\r\n" } 'Content-Type: application/json', @headers) . "\r\n$content";
  $c->flush;
  return 1;
}

sub requests {
  my ($server) = @_;
  open my $in, '<', $server->{log} or return ();
  return map { $json->decode($_) } <$in>;
}

# ---- the client ----

sub start {
  my ($o, @args) = @_;
  my $pid = fork() // die "fork: $!";
  return $pid if $pid;
  delete @ENV{ grep { /^SONDE_|^NO_COLOR$/ } keys %ENV };
  %ENV = (%ENV, TERM => 'xterm', %{ $o->{env} || {} });
  $SIG{INT} = 'DEFAULT';
  open STDIN,  '<', '/dev/null';
  open STDOUT, '>', $o->{out} // "$dir/out" or POSIX::_exit(126);
  open STDERR, '>', $o->{err} // "$dir/err" or POSIX::_exit(126);
  exec $sonde, map { encode_utf8($_) } @args or POSIX::_exit(127);
}

sub text {
  open my $in, '<:raw', $_[0] or return '';
  local $/;
  return decode_utf8(<$in> // '');
}

sub finish {
  my ($pid) = @_;
  local $SIG{ALRM} = sub { kill 'KILL', $pid };
  alarm 60;
  waitpid $pid, 0;
  my $rc = $? & 127 ? 128 + ($? & 127) : $? >> 8;
  alarm 0;
  return ($rc, text("$dir/out"), text("$dir/err"));
}

# run($server, [\%options], args...)
sub run {
  my ($server, @args) = @_;
  my $o = ref $args[0] ? shift @args : {};
  $o->{env} = { SONDE_URL => $server->{url}, %{ $o->{env} || {} } } if $server;
  return finish(start($o, @args));
}

# ---- what the controller knows ----

my $T = JSON::PP::true;
my $plugins = [
  { name => 'ping', version => '1.0', summary => 'ICMP echo', params => [
      { name => 'packets', type => 'int', help => 'how many', default => '3', min => 1, max => 16 },
      { name => 'dontFragment', type => 'bool', help => 'forbid fragments' },
      { name => 'protocol', type => 'enum', enum => [ 'ICMP', 'UDP' ] },
      { name => 'query.type', type => 'text', help => 'nested' } ],
    fields => [ { name => 'stats.avg', type => 'number', unit => 'ms', help => 'mean' } ] },
  { name => 'echo', version => '1.0', summary => 'gives back', params => [] },
];

sub ok_result {
  my ($name, $city, $avg) = @_;
  return { probe => { id => "id-$name", name => $name, city => $city, country => 'DE',
      region => 'eu' },
    result => { status => 'finished', resolvedAddress => '192.0.2.1', rawOutput => "PING\n64 bytes",
      stats => { total => 3, loss => 0, min => $avg - 0.5, avg => $avg, max => $avg + 1 } } };
}

sub failed {
  my ($name, $source, $why, $message) = @_;
  return { probe => { name => $name, city => 'X', country => 'US', region => 'us' },
    result => { status => 'failed', failureSource => $source, failure => $why,
      failureMessage => $message // $why, rawOutput => '' } };
}

sub pending {
  return { probe => { name => $_[0], city => 'Y', country => 'US', region => 'us' },
    result => { status => 'in-progress', rawOutput => '' } };
}

sub measurement {
  my ($status, @results) = @_;
  return { id => 'm1', type => 'ping', target => 'example.com', status => $status,
    createdAt => '2026-11-21T08:00:00.000Z', probesCount => scalar @results, limit => 4,
    locations => [ { magic => 'eu+aws' }, { country => 'US', tags => [ 'a', 'b' ] } ],
    placement => { policy => 'least_load', version => 3, seed => 99, fallback => JSON::PP::false,
      reason => 'calm nodes', tookUs => 42 },
    results => \@results };
}

sub measuring {
  my (@answers) = @_;
  return serve('GET /v1/plugins' => [ 200, $plugins ],
    'POST /v1/measurements' => [ 202, { id => 'm1', probesCount => 1 } ],
    'GET /v1/measurements/m1' => [ map { ref eq 'ARRAY' ? $_ : [ 200, $_ ] } @answers ]);
}

my $two = measurement('finished', ok_result('fra1', 'Frankfurt', 12.25),
  ok_result('zrh"1', 'Zürich, old', 3));

subtest 'help and version need no controller' => sub {
  my $nobody = { env => { SONDE_URL => 'http://127.0.0.1:1' } };
  my ($rc, $out, $err) = run(undef, $nobody, 'help');
  is($rc, 0, 'sonde help');
  like($out, qr/^usage: sonde TYPE.*node ls .*token create.*--output FORMAT.*130  interrupted/s,
    'commands, options, exit codes');
  is((run(undef, $nobody, '--help'))[1], $out, '--help is the same');
  ($rc, $out) = run(undef, $nobody);
  is($rc, 2, 'no command is a usage error');
  ($rc, $out) = run(undef, $nobody, qw(help node ls));
  is($rc, 0, 'sonde help node ls');
  like($out, qr/^usage: sonde node ls \[options\]\nlist the nodes\n/, 'says what it does');
  is((run(undef, $nobody, qw(node ls --help)))[1], $out, 'as node ls --help');
  ($rc, $out) = run(undef, $nobody, qw(help token));
  like($out, qr/^usage: sonde token COMMAND.*token create.*token rm ID/s, 'a group');
  unlike($out, qr/node ls/, 'and only it');
  ($rc, $out) = run(undef, $nobody, 'token', 'create', '-h');
  like($out, qr/--ttl DURATION +how long it may be used/, 'own options');
  ($rc, $out) = run(undef, $nobody, 'version');
  like("$rc $out", qr/^0 sonde \d+\.\d+/, 'version');
};

subtest 'help of a type comes from its rows' => sub {
  my $s = measuring($two);
  my ($rc, $out) = run($s, qw(ping --help));
  is($rc, 0, 'exit code');
  like($out, qr/--packets int +how many \(from 1 to 16, default 3\)/, 'range and default');
  like($out, qr/--dont-fragment +forbid/, 'a switch, in the way of command lines');
  like($out, qr/--protocol enum .*one of ICMP UDP/, 'choices');
  like($out, qr/-L, --limit N.*--url URL/s, 'own and global options');
  is((run($s, qw(help ping)))[1], $out, 'sonde help ping is the same');
  is((run($s, qw(help pnig)))[0], 2, 'help of nothing');
};

subtest 'usage errors' => sub {
  my $s = measuring($two);
  my @cases = (
    [ [qw(node lss)], qr/no command 'node lss'; did you mean 'ls'\?/ ],
    [ [qw(nodee ls)], qr/'nodee' is neither a command nor a type; did you mean 'node'\?/ ],
    [ [qw(pimg x)], qr/did you mean 'ping'\?/ ],
    [ [qw(node)], qr/node needs a command/ ],
    [ [qw(node ls --otput json)], qr/unknown option --otput; did you mean --output\?/ ],
    [ [qw(ping x --packts 3)], qr/unknown option --packts; did you mean --packets\?/ ],
    [ [qw(ping x --dont-fragmnt)], qr/did you mean --dont-fragment\?/ ],
    [ [qw(ping x -z)], qr/unknown option -z/ ],
    [ [qw(node ls -o)], qr/--output needs a value \(FORMAT\)/ ],
    [ [qw(node ls -o jsn)], qr/--output must be .* not 'jsn'; did you mean json/ ],
    [ [qw(node ls --color sometimes)], qr/--color must be auto, always or never/ ],
    [ [qw(node ls --no-headers=1)], qr/--no-headers takes no value/ ],
    [ [qw(node show)], qr/usage: sonde node show NODE/ ],
    [ [qw(node set n1 priority)], qr/'priority' is not KEY=VALUE/ ],
    [ [qw(node rm ..)], qr/'\.\.' is no name/ ],
    [ [qw(ping)], qr/what should ping measure/ ],
    [ [qw(ping x y)], qr/after the target comes 'from', not 'y'/ ],
    [ [qw(ping x from)], qr/'from' needs a location/ ],
    [ [qw(ping x from eu -F us)], qr/not both/ ],
    [ [qw(ping x -4 -6)], qr/not both/ ],
    [ [qw(ping x --max-wait 5x)], qr/--max-wait must be/ ],
    [ [qw(ping x --max-wait 0)], qr/--max-wait must be/ ],
    [ [ qw(ping x --limit) ], qr/--limit needs a value/ ],
    [ [qw(-o json)], qr/there is no command/ ],
    [ [qw(--limit 2 ping x)], qr/unknown option --limit before the command/ ],
    [ [qw(--otput json node ls)], qr/before the command; did you mean --output\?/ ],
    [ [qw(-o jsn node ls)], qr/--output must be .* not 'jsn'; did you mean json/ ],
    [ [qw(node --all ls)], qr/unknown option --all before the command/ ],
    [ [qw(-o json node)], qr/node needs a command/ ],
    [ [qw(node ls -o)], qr/--output needs a value \(FORMAT\)/ ],
    [ [qw(node ls --url ftp://x)], qr/cannot ask ftp:/ ],
    [ [qw(node ls --token-file /nowhere/x)], qr{cannot read a token from /nowhere/x} ],
  );
  for my $case (@cases) {
    my ($args, $want) = @$case;
    my ($rc, $out, $err) = run($s, @$args);
    is($rc, 2, "@$args");
    like($err, $want, '  says why');
    is($out, '', '  and prints nothing');
  }
  is_deeply([ grep { $_->{method} ne 'GET' } requests($s) ], [], 'nothing was asked for');
};

subtest 'options of every command, before and after it' => sub {
  my $s = serve('GET /v1/nodes' => [ 200, [ { id => 'i1', name => 'n1', status => 'online' } ] ]);
  my ($rc, $want) = run($s, qw(node ls -o json));
  is($rc, 0, 'after');
  is_deeply([ map { $_->{name} } @{ decode_json($want) } ], ['n1'], 'JSON');
  for my $case ([qw(-o json node ls)], [qw(node -o json ls)], [qw(--output=json node ls)], [qw(-ojson node ls)],
    [qw(--color never -o json node ls)], [qw(-o csv node -o json ls)], [qw(-o csv node ls -o json)]) {
    my ($code, $out, $err) = run($s, @$case);
    is("$code$out", "0$want", "@$case") or diag $err;
  }
  my ($code, $out) = run(undef, '--url', $s->{url}, qw(--no-headers -o csv node ls));
  like($out, qr/^i1,n1|^n1,/, 'the address, too') or diag $code;
  open my $f, '>', "$dir/front" or die $!;
  print $f "fronttoken\n";
  close $f;
  run($s, '--token-file', "$dir/front", qw(node ls));
  is((requests($s))[-1]{token}, 'Bearer fronttoken', 'and the token');
  my $m = measuring($two);
  is((run($m, qw(-o json ping example.com --no-wait)))[0], 0, 'before a type');
  for my $case ([qw(-o json --help)], [qw(-o json help)], [qw(help -o json)]) {
    my ($c, $o) = run($s, @$case);
    like("$c$o", qr/^0usage: sonde TYPE/, "@$case");
  }
  like((run($s, qw(-o json help node ls)))[1], qr/^usage: sonde node ls/, 'help of a command');
  like((run($s, qw(--help node ls)))[1], qr/^usage: sonde node ls/, 'asked for in front');
  like((run($s, qw(-o json version)))[1], qr/^sonde \d/, 'version');
};

subtest 'the request' => sub {
  my $s = measuring($two);
  my $sent = sub {
    my ($rc, undef, $err) = run($s, $_[0], '--no-wait', @_[1 .. $#_]);
    is("$rc$err", '0', "@_");
    return (grep { $_->{method} eq 'POST' } requests($s))[-1]{body};
  };
  is_deeply($sent->(qw(ping example.com)), { type => 'ping', target => 'example.com' }, 'plain');
  is_deeply($sent->(split ' ', 'ping x from eu+aws,us --limit 4 --policy calm --deadline 9'),
    { type => 'ping', target => 'x', limit => '4', policy => 'calm', timeout => '9',
      locations => [ { magic => 'eu+aws' }, { magic => 'us' } ] }, 'from with + and comma');
  is_deeply($sent->(split ' ', 'ping --limit=2 x from New York , Paris')->{locations},
    [ { magic => 'New York' }, { magic => 'Paris' } ], 'blanks in a name');
  is_deeply($sent->('ping', 'x', '-Feu+Zürich')->{locations}, [ { magic => 'eu+Zürich' } ], '-F');
  is_deeply($sent->(qw(ping -6 x --packets 5 --dont-fragment --query.type=A))->{measurementOptions},
    { packets => '5', dontFragment => $T, ipVersion => 6, query => { type => 'A' } }, 'options');
  is_deeply($sent->('ping', '--', '-x')->{target}, '-x', 'after -- a dash is text');
  my ($rc, $out) = run($s, qw(ping x --no-wait));
  is($out, "m1\n", '--no-wait prints the id');
  is(scalar(grep { $_->{path} =~ m{/m1} } requests($s)), 0, 'and does not look');
};

subtest 'the token' => sub {
  my $s = serve('GET /v1/nodes' => [ 200, [] ]);
  open my $f, '>', "$dir/token" or die $!;
  print $f "filetoken\n";
  close $f;
  my $seen = sub { run($s, @_); return ((requests($s))[-1]{token} // 'none') };
  is($seen->(qw(node ls)), 'none', 'none by default');
  is($seen->({ env => { SONDE_TOKEN => 'envtoken' } }, qw(node ls)), 'Bearer envtoken', 'variable');
  is($seen->({ env => { SONDE_TOKEN => 'envtoken' } }, qw(node ls --token-file), "$dir/token"),
    'Bearer filetoken', 'the flag wins');
  is($seen->({ env => { SONDE_TOKEN_FILE => "$dir/token" } }, qw(node ls)), 'Bearer filetoken',
    'file by variable');
};

subtest 'outputs of a measurement' => sub {
  my $s = measuring(measurement('in-progress', pending('fra1'), pending('zrh1')), [ 304, '' ], $two);
  my ($rc, $out, $err) = run($s, qw(ping example.com));
  is($rc, 0, 'table');
  my @lines = split /\n/, $out;
  is(scalar @lines, 3, 'a line a node');
  is(index($lines[0], 'STATUS'), index($lines[1], 'finished'), 'aligned');
  is(index($lines[1], 'finished'), index($lines[2], 'finished'), 'though ü is two bytes');
  like($lines[1], qr/^fra1 +Frankfurt, DE, eu +finished +192\.0\.2\.1 +3 +0 % +11\.75 ms +12\.25 ms +13\.25 ms$/,
    'figures with units');
  is($err, '', 'no progress when stderr is no terminal');
  ok((grep { defined $_->{path} && $_->{path} =~ /m1/ } requests($s)) >= 3, 'it asked until the end');

  $s = measuring($two);
  ($rc, $out) = run($s, qw(ping x -o json));
  my %want = (%$two, schema_version => 1);
  is_deeply($json->decode(encode_utf8($out)), $json->decode($json->encode(\%want)),
    "json: the server's object and schema_version");
  like($out, qr/Zürich/, 'readable');
  ($rc, $out) = run($s, qw(ping x -o jsonl));
  is_deeply([ map { $json->decode(encode_utf8($_))->{probe}{name} } split /\n/, $out ],
    [ 'fra1', 'zrh"1' ], 'jsonl: a result a line');
  ($rc, $out) = run($s, qw(ping x -o csv));
  is($out, join('', map { "$_\r\n" }
    'node,city,country,region,status,address,sent,loss_percent,min_ms,avg_ms,max_ms,message',
    'fra1,Frankfurt,DE,eu,finished,192.0.2.1,3,0,11.75,12.25,13.25,',
    '"zrh""1","Zürich, old",DE,eu,finished,192.0.2.1,3,0,2.5,3,4,'), 'csv by RFC 4180');
  ($rc, $out) = run($s, qw(ping x -o csv --no-headers));
  unlike($out, qr/^node/, 'csv without a first line');
  ($rc, $out) = run($s, { env => { SONDE_OUTPUT => 'raw' } }, qw(ping x));
  is($out, "> fra1 (Frankfurt, DE, eu)\nPING\n64 bytes\n\n> zrh\"1 (Zürich, old, DE, eu)\n"
    . "PING\n64 bytes\n", 'raw');
  ($rc, $out) = run($s, qw(ping x --latency));
  is($out, "NODE   LATENCY\nfra1   12.25 ms\nzrh\"1  3 ms\n", '--latency');
};

subtest 'wide and combining characters' => sub {
  my $s = serve('GET /v1/nodes' => [ 200, [
    map { { name => $_, status => 'online', id => 'i' } } 'ab', '東京', "e\x{301}x" ] ]);
  my ($rc, $out) = run($s, qw(node ls --no-headers));
  like($out, qr/^ab    online/m, 'narrow');
  like($out, qr/^東京  online/m, 'two columns a character');
  like($out, qr/^e\x{301}x    online/m, 'none for a combining one');
};

subtest 'exit codes of results' => sub {
  my $target = failed('sin1', 'target', 'timeout', 'no reply');
  my $ours   = failed('sin1', 'internal', 'node_lost');
  my $good   = ok_result('fra1', 'Frankfurt', 1);
  my @cases = ([ 3, $good, $target ], [ 6, $good, $ours ], [ 3, $ours ], [ 3, $target, $ours ]);
  for my $case (@cases) {
    my ($want, @results) = @$case;
    my $s = measuring(measurement('finished', @results));
    for my $output ([], [qw(-o json)], [qw(-o raw)], ['--latency']) {
      is((run($s, qw(ping x), @$output))[0], $want, "exit $want @$output");
    }
  }
  my ($rc, $out) = run(measuring(measurement('finished', $good, $target)), qw(ping x));
  like($out, qr/^sin1 .* timeout .*^sin1: no reply$/ms, 'the failure and its sentence');
  ($rc, $out) = run(measuring(measurement('finished', $target)), qw(ping x));
  like($out, qr/SAYS\n.*no reply\n/, 'the sentence in the table where there are no figures');
};

subtest 'errors of the controller' => sub {
  my $error = sub { { error => { type => 'x', message => $_[0], @_ > 1 ? (params => $_[1]) : () } } };
  my $create = sub {
    return serve('GET /v1/plugins' => [ 200, $plugins ], 'POST /v1/measurements' => [@_]);
  };
  my ($rc, $out, $err) = run({ url => 'http://127.0.0.1:1' }, qw(node ls));
  is($rc, 7, 'unreachable');
  like($err, qr{^sonde: no answer from http://127.0.0.1:1 \(--url, SONDE_URL\): .+\n$}, 'one sentence');
  ($rc, $out, $err) = run({ url => 'http://127.0.0.1:1' }, qw(ping x));
  is($rc, 7, 'unreachable for a type');
  like($err, qr/^sonde: no answer from [^\n]+\n$/, 'one sentence is enough');
  ($rc, $out, $err) = run({ url => 'http://127.0.0.1:1' }, qw(nodes x));
  like($err, qr/\nsonde: did you mean sonde node\?\n$/, 'a second one where a command seems to be meant');
  ($rc, $out, $err) = run($create->(401, $error->('Unauthorized.')), qw(ping x));
  is($rc, 4, 'status 401');
  like($err, qr/^sonde: Unauthorized\. It needs a token: sonde login, SONDE_TOKEN or --token-file\.$/, 'how');
  ($rc, $out, $err) = run(serve('GET /v1/nodes/nope' => [ 404, $error->("Couldn't find the requested node.") ]),
    qw(node show nope));
  is("$rc$err", "5sonde: there is no node 'nope'; see sonde node ls\n", 'what was not found is named');
  ($rc, $out, $err) = run(serve('POST /v1/measurements/nope/rerun' => [ 404, $error->("Couldn't find the requested measurement.") ]),
    qw(measurement rerun nope));
  is("$rc$err", "5sonde: there is no measurement 'nope'; see sonde measurement ls\n", 'also inside of a path');
  ($rc, $out, $err) = run($create->(400, $error->('x', { 'measurementOptions.packets' =>
    '"measurementOptions.packets" must be an integer' })), qw(ping x --packets many));
  is("$rc$err", "2sonde: option packets must be an integer\n", 'an option by its name');
  is((run($create->(403, $error->('No.')), qw(ping x)))[0], 4, 'status 403');
  ($rc, $out, $err) = run(serve(), qw(measurement show nope));
  is($rc, 5, 'status 404');
  like($err, qr/^sonde: Couldn't find it\.$/, 'its sentence');
  ($rc, $out, $err) = run(serve('GET /v1/plugins' => [ 200, $plugins ]), qw(plugin show nope));
  is($rc, 5, 'no such type');
  ($rc, $out, $err) = run($create->(422, $error->('No matching nodes.')), qw(ping x));
  is("$rc$err", "1sonde: No matching nodes.\n", 'status 422');
  ($rc, $out, $err) = run($create->(400, $error->('Parameter validation failed.',
    { limit => '"limit" must be an integer' })), qw(ping x --limit many));
  is("$rc$err", "2sonde: \"limit\" must be an integer\n", '400 with params');
  ($rc, $out, $err) = run($create->(503, $error->('Busy.'), 'Retry-After: 7'), qw(ping x));
  is("$rc$err", "1sonde: Busy.\nsonde: try again in 7 s\n", 'status 503');
  ($rc, $out, $err) = run($create->(500, '<html>'), qw(ping x));
  like("$rc$err", qr/^1sonde: http\S+ answered 500$/, '500 without JSON');
  ($rc, $out, $err) = run($create->(202, 'hello'), qw(ping x));
  like("$rc$err", qr/^1sonde: the answer of http\S+ is not JSON$/, 'no JSON');
  ($rc, $out, $err) = run($create->(202, {}), qw(ping x));
  like("$rc$err", qr/^1sonde: the answer of http\S+ has no id$/, 'no id');
};

subtest 'what arrived is printed' => sub {
  my $half = measurement('in-progress', ok_result('fra1', 'Frankfurt', 7), pending('sin1'));
  my ($rc, $out, $err) = run(measuring($half), qw(ping x --max-wait 1));
  is($rc, 124, 'time is up');
  like($out, qr/fra1 .* 7 ms.*sin1 .*in-progress/s, 'both states');
  like($err, qr/later: sonde measurement show m1/, 'and where the rest will be');

  my $s = measuring($half);
  my $pid = start({ env => { SONDE_URL => $s->{url} } }, qw(ping x -o csv));
  my $end = time + 30;
  sleep 0.05 until time > $end || grep { $_->{path} =~ /m1/ } requests($s);
  kill 'INT', $pid;
  ($rc, $out, $err) = finish($pid);
  is($rc, 130, '^C');
  like($out, qr/^fra1,.*^sin1,.*in-progress/ms, 'printed');

  ($rc, $out, $err) = run(measuring($half, [ 500, '' ]), qw(ping x));
  is($rc, 1, 'the controller fails on the way');
  like($out, qr/fra1/, 'printed');
};

# A terminal without a module: its other end is read after the client's end.
sub with_tty {
  my ($o, $stream, @args) = @_;
  open my $master, '+<', '/dev/ptmx' or return;
  my ($unlock, $n) = (pack('i', 0), pack('I', 0));
  ioctl $master, 0x40045431, $unlock or return;
  ioctl $master, 0x80045430, $n or return;
  open my $slave, '+<', '/dev/pts/' . unpack('I', $n) or return;
  my ($rc) = finish(start({ %$o, $stream => '/dev/pts/' . unpack('I', $n) }, @args));
  my $seen = '';
  vec(my $ready = '', fileno $master, 1) = 1;
  while (select(my $r = $ready, undef, undef, 0.2)) {
    sysread $master, $seen, 65536, length $seen or last;
  }
  return ($rc, decode_utf8($seen));
}

subtest 'on a terminal' => sub {
  my $wait = measurement('in-progress', ok_result('fra1', 'F', 7), pending('sin1'));
  my $s = measuring($wait, $wait, $two);
  my ($rc, $seen) = with_tty({ env => { SONDE_URL => $s->{url} } }, 'err', qw(ping x));
  plan skip_all => 'no pseudo terminal here' unless defined $rc;
  is($rc, 0, 'ends well');
  like($seen, qr/^(\r\e\[K1 of 2 nodes, \d+\.\d s)+\r\e\[K$/, 'one line, redrawn and taken away');
  $s = measuring($wait, [ 500, '' ]);
  ($rc, $seen) = with_tty({ env => { SONDE_URL => $s->{url} } }, 'err', qw(ping x));
  like($seen, qr/\r\e\[Ksonde: http/, 'an error has the line for itself');
  $s = measuring($wait, $two);
  ($rc, $seen) = with_tty({ env => { SONDE_URL => $s->{url}, TERM => 'dumb' } }, 'err', qw(ping x));
  is($seen, '', 'nothing on a terminal that cannot redraw');
  $s = measuring($two);
  my %env = (SONDE_URL => $s->{url});
  ($rc, $seen) = with_tty({ env => {%env} }, 'out', qw(ping x));
  like($seen, qr/^\e\[1mNODE/, 'bold headers');
  ($rc, $seen) = with_tty({ env => { %env, NO_COLOR => 1 } }, 'out', qw(ping x));
  unlike($seen, qr/\e/, 'none with NO_COLOR');
  ($rc, $seen) = with_tty({ env => {%env} }, 'out', qw(ping x --color never));
  unlike($seen, qr/\e/, 'none with --color never');
  ($rc, $seen) = run($s, qw(ping x --color always));
  like($seen, qr/\e\[1m/, 'always, into a file');
};

subtest 'foreign text does not drive the terminal' => sub {
  my $evil = "a\e[2J\x07\x{9b}31m\x7f\x{202e}b";
  my $m = measurement('finished', ok_result($evil, $evil, 1), failed($evil, 'target', $evil, $evil));
  $m->{$_} = $evil for qw(target createdAt);
  $m->{placement}{$_} = $evil for qw(policy reason);
  $_->{result}{rawOutput} = "$evil\nsecond" for @{ $m->{results} };
  my $node = { name => $evil, status => $evil, $evil => $evil, location => { city => $evil } };
  my $rows = [ { name => $evil, type => $evil, help => $evil, default => $evil } ];
  my $bad_plugin = { name => 'ping', version => $evil, summary => $evil, params => $rows,
    fields => $rows };
  my $s = serve('GET /v1/plugins' => [ 200, [$bad_plugin] ],
    'POST /v1/measurements' => [ 202, { id => 'm1' } ], 'GET /v1/measurements/m1' => [ 200, $m ],
    'GET /v1/nodes' => [ 200, [$node] ], 'GET /v1/nodes/n' => [ 200, $node ],
    'PATCH /v1/nodes/n' => [ 200, $node ], 'GET /v1/policies' => [ 500, { error =>
      { message => $evil } } ], 'POST /v1/registration-tokens' => [ 201, { token => $evil } ]);
  my @commands = (map({ [ qw(ping x -o), $_ ] } qw(table json jsonl csv raw)), [qw(ping x --latency)],
    [qw(ping --help)], [qw(measurement show m1)], [qw(node ls)], [qw(node show n)],
    [qw(node enable n)], [qw(plugin ls)], [qw(plugin show ping)], [qw(policy ls)],
    [qw(token create)], [ 'node', $evil ], [ "--$evil" ], [ 'node', 'ls', "--$evil" ], [$evil, 'x']);
  for my $command (@commands) {
    my ($rc, $out, $err) = run($s, @$command);
    (my $shown = "@$command") =~ s/[^ -~]/?/g;
    isnt("$out$err", '', $shown);
    unlike("$out$err", qr/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\x{202a}-\x{202e}]/, '  is harmless');
  }
  my ($rc, $out) = run($s, qw(ping x -o json));
  is($json->decode(encode_utf8($out))->{target}, $evil, 'JSON still says the same');
  ($rc, $out) = run($s, qw(ping x -o raw));
  like($out, qr/b\nsecond\n/, 'lines of the classic text stay lines');
  ($rc, $out) = run($s, qw(ping x --no-headers));
  like($out, qr/\\u001b\[2J\\u0007\\u009b31m\\u007f\\u202eb/, 'shown escaped');
};

subtest 'a measurement explains its placement' => sub {
  my $m = { %$two };
  my $s = serve('GET /v1/measurements/m1' => [ 200, $m ]);
  my ($rc, $out) = run($s, qw(measurement show m1));
  is($rc, 0, 'exit code');
  like($out, qr/^ping example\.com: finished, created 2026-11-21T08:00:00\.000Z$/m, 'what');
  like($out, qr/^Asked for 4 nodes from eu\+aws or US\+a b; only 2 fitted and could take it\.$/m, 'asked');
  like($out, qr/^The policy least_load \(version 3\) chose them: calm nodes\. It took 0\.042 ms; seed 99\.$/m,
    'chosen');
  like($out, qr/^NODE .*^fra1 /ms, 'and the results');
  ($rc, $out) = run($s, qw(measurement show m1 -o json));
  is($json->decode(encode_utf8($out))->{schema_version}, 1, 'json is only json');
  $m = { %$two, limit => undef, placement => { policy => 'calm', fallback => $T,
    reason => 'calm: memory limit reached', version => 1, seed => 5, tookUs => 1500 } };
  delete @$m{qw(limit locations)};
  $s = serve('GET /v1/measurements/m1' => [ 200, $m ]);
  ($rc, $out) = run($s, qw(measurement show m1));
  like($out, qr/^Asked for 2 nodes from anywhere\.$/m, 'no limit, no place');
  like($out, qr/^The policy calm did not decide \(calm: memory limit reached\); the built-in rule did\./m,
    'a fallback says why');
};

subtest 'administration' => sub {
  my $node = { id => 'n1', name => 'fra1', status => 'online', priority => 50, tags => [ 'a', 'b' ],
    location => { region => 'eu', city => 'Köln' }, live => { load => 0.125, rttMs => 3.5 } };
  my $s = serve('GET /v1/nodes' => [ 200, [$node] ], 'GET /v1/nodes/n1' => [ 200, $node ],
    'GET /v1/nodes/a%2Fb%20%C3%BC' => [ 200, $node ], 'PATCH /v1/nodes/n1' => [ 200, $node ],
    'DELETE /v1/nodes/n1' => [ 204, '' ], 'DELETE /v1/registration-tokens/t1' => [ 204, '' ],
    'GET /v1/registration-tokens' => [ 200, [ { id => 't1', usable => $T, uses => 3, used => 0 } ] ],
    'POST /v1/registration-tokens' => [ 201, { token => 'reg_x', id => 't1' } ],
    'GET /v1/policies' => [ 200, [ { name => 'calm', version => 2, summary => 's' } ] ],
    'GET /v1/plugins' => [ 200, $plugins ]);
  my $last = sub { my ($r) = (requests($s))[-1]; return "$r->{method} $r->{path}" };
  my ($rc, $out, $err) = run($s, qw(node ls));
  like($out, qr/^NAME +STATUS .*\nfra1 +online +eu +- +Köln +50 +0\.125 +3\.5 ms +- /, 'node ls');
  is_deeply($json->decode(encode_utf8((run($s, qw(node ls -o jsonl)))[1])),
    $json->decode($json->encode($node)), 'node ls -o jsonl');
  like((run($s, qw(node ls -o csv)))[1], qr/^name,status,.*\r\nfra1,online,eu,,Köln,50,0\.125,3\.5,,/, 'csv');
  like((run($s, qw(node show n1)))[1], qr/^tags: a b$/m, 'node show');
  like((run($s, qw(node show n1)))[1], qr/^location:\n(  \w+: .*\n)*  region: eu$/m, 'with groups');
  is((run($s, 'node', 'show', 'a/b ü'))[0], 0, 'a name is one segment of the path');
  is((run($s, qw(node approve n1)))[1], "fra1 is online\n", 'node approve');
  is_deeply((requests($s))[-1]{body}, { approved => $T }, 'its body');
  run($s, qw(node disable n1));
  is_deeply((requests($s))[-1]{body}, { enabled => JSON::PP::false }, 'node disable');
  run($s, split ' ', 'node set n1 priority=90 tags=a,b=c');
  is_deeply((requests($s))[-1]{body}, { priority => '90', tags => 'a,b=c' }, 'node set');
  is((run($s, qw(node rm n1)))[0] . $last->(), '0DELETE /v1/nodes/n1', 'node rm');
  is((run($s, qw(token create --ttl 2h --uses 3 --approve)))[1], "reg_x\n", 'token create');
  is_deeply((requests($s))[-1]{body}, { ttl => '2h', uses => '3', approve => $T }, 'its body');
  is($json->decode((run($s, qw(token create -o json)))[1])->{token}, 'reg_x', 'as json');
  like((run($s, qw(token ls)))[1], qr/\nt1 +yes +0 +3 /, 'token ls');
  is((run($s, qw(token rm t1)))[0] . $last->(), '0DELETE /v1/registration-tokens/t1', 'token rm');
  like((run($s, qw(plugin ls)))[1], qr/^ping +1\.0 +ICMP echo$/m, 'plugin ls');
  like((run($s, qw(plugin show ping)))[1], qr/--packets int.*stats\.avg +number +mean \(ms\)/s, 'plugin show');
  like((run($s, qw(policy ls)))[1], qr/^calm +2 +.* s$/m, 'policy ls');
};

subtest 'waiting and following' => sub {
  my $ok = [ { probe => { name => 'n' }, result => { status => 'finished', rawOutput => 'done' } } ];
  my $s = serve('GET /v1/measurements/m1' => [ [ 200, measurement('in-progress') ],
      [ 200, measurement('finished', @$ok) ] ],
    'POST /v1/measurements/m1/rerun' => [ 202, { id => 'm1' } ]);
  my ($rc, $out, $err) = run($s, qw(measurement show m1 --wait));
  is($rc, 0, 'measurement show --wait') or diag $err;
  like($out, qr/^n .* finished /m, 'shows what it became');
  is(scalar(requests($s)), 2, 'it asked until it was over');
  ($rc, $out) = run($s, qw(measurement rerun m1 --wait));
  like("$rc$out", qr/^0.*^n .* finished /ms, 'measurement rerun --wait');
  is((run($s, qw(measurement rerun m1)))[1], "m1\n", 'without it: the id');
  ($rc, $out, $err) = run($s, qw(measurement rerun m1 --wait --max-wait no));
  like("$rc$err", qr/^2.*--max-wait must be/, 'a wrong time, before anything is asked');
  is((requests($s))[-1]{path}, '/v1/measurements/m1/rerun', 'so nothing was begun');
  $s = serve('GET /v1/measurements/m2' => [ 200, measurement('in-progress') ]);
  is((run($s, qw(measurement show m2 --wait --max-wait 1)))[0], 124, 'not over in time');

  my @events = map { { id => "e$_", at => 'now', severity => 'info', kind => 'k', text => "text $_" } } 0 .. 3;
  $s = serve('GET /v1/events' => [ [ 200, [ @events[ 1, 0 ] ] ], [ 200, [ @events[ 3, 2, 1, 0 ] ] ] ]);
  my $pid = start({ env => { SONDE_URL => $s->{url} } }, qw(event ls --follow));
  for (1 .. 600) { last if text("$dir/out") =~ /text 3/; sleep 0.05 }
  kill 'INT', $pid;
  ($rc, $out) = finish($pid);
  is($rc, 130, 'event ls --follow goes on until interrupted');
  is(join(' ', $out =~ /text (\d)/g), '0 1 2 3', 'each event once, oldest first');
  is(scalar(() = $out =~ /^ID/mg), 1, 'one first line');

  my $page = sub { [ 200, { results => [ map { { ingest => $_, type => 'ping' } } @{ $_[0] } ], next => $_[1], more => JSON::PP::false } ] };
  my $at = '/v1/results?limit=1000&cursor=';
  $s = serve("GET ${at}1" => $page->([ 1, 2 ], 3), "GET ${at}3" => [ $page->([], 3), $page->([3], 4) ],
    "GET ${at}4" => $page->([], 4));
  $pid = start({ env => { SONDE_URL => $s->{url} } }, qw(export --follow));
  for (1 .. 600) { last if text("$dir/out") =~ /"ingest":3/; sleep 0.05 }
  kill 'INT', $pid;
  ($rc, $out, $err) = finish($pid);
  is(join(' ', $out =~ /"ingest":(\d)/g), '1 2 3', 'export --follow: each result once');
  like("$rc$err", qr/^130.*sonde export --cursor 4$/m, 'and where to go on');
};

subtest 'one event' => sub {
  my $problem = { id => 'p1', kind => 'problem.raised', text => 'down', state => 'open', count => 3 };
  my $event = { id => 'e1', kind => 'node.status', text => 'gone' };
  my $s = serve('GET /v1/problems' => [ 200, [$problem] ], 'GET /v1/events?limit=1000' => [ 200, [$event] ],
    'GET /v1/events' => [ 200, [$event] ]);
  like((run($s, qw(event show p1)))[1], qr/^state: open$/m, 'a problem that is open');
  like((run($s, qw(event show e1)))[1], qr/^text: gone$/m, 'any other event');
  is($json->decode((run($s, qw(event show e1 -o json)))[1])->{id}, 'e1', 'as JSON');
  is((run($s, qw(event show e1 -o csv --no-headers)))[1], "e1,,,node.status,gone,,,\r\n", 'as CSV');
  my ($rc, undef, $err) = run($s, qw(event show e9));
  like("$rc$err", qr/^5sonde: there is no event 'e9'/, 'none');
};

SKIP: {
  skip 'no /dev/full', 2 unless -c '/dev/full';
  my $s = serve('GET /v1/nodes' => [ 200, [] ]);
  my ($rc, $out, $err) = run($s, { out => '/dev/full' }, qw(node ls));
  is($rc, 1, 'output that cannot be written is a failure');
  like($err, qr/cannot write the output/, 'and says so');
}
done_testing;
