import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { execute } from './evaluate.ts';
import { parse } from './parser.ts';
import { TemplateError } from './syntax.ts';
import { Row } from './value.ts';

const DATA = {
  Name: 'net-test',
  Count: 3,
  Ratio: 0.5,
  On: true,
  Off: false,
  Empty: '',
  None: null,
  List: ['a', 'b'],
  Nothing: [],
  IPAM: { Config: [{ Subnet: '172.18.0.0/16' }] },
  Networks: { b: { IP: '2' }, a: { IP: '1' } },
  'odd.key': 'x',
};

const render = (template: string, data: unknown = DATA): string => execute(parse(template), data);

describe('templates', () => {
  test.each([
    // Fields.
    ['{{.Name}}', 'net-test'],
    ['<{{ .Name }}>', '<net-test>'],
    ['{{.IPAM.Config}}', '[map[Subnet:172.18.0.0/16]]'],
    ['{{(index .IPAM.Config 0).Subnet}}', '172.18.0.0/16'],
    ['{{index . "odd.key"}}', 'x'],
    ['{{index .Networks "a" "IP"}}', '1'],
    ['{{$.Name}}', 'net-test'],
    ['{{.On}} {{.Count}} {{.Ratio}} {{.None}}', 'true 3 0.5 <nil>'],
    // Text around, trimmed where asked.
    ['a {{- .Name -}} b', 'anet-testb'],
    ['a{{/* comment */}}b{{- /* trims */ -}} c', 'abc'],
    // JSON, and pipes.
    ['{{json .List}}', '["a","b"]'],
    ['{{.List | json}}', '["a","b"]'],
    ['{{json .}}', JSON.stringify(DATA)],
    ['{{.Name | upper | printf "%s!"}}', 'NET-TEST!'],
    ['{{join .List ", "}}', 'a, b'],
    ['{{index (split .Name "-") 1}}', 'test'],
    ['{{title "two words"}} {{lower "ABC"}} {{pad "x" 1 2}}|{{truncate .Name 3}}', 'Two Words abc  x  |net'],
    ['{{len .List}} {{len .Name}} {{len .Networks}}', '2 8 2'],
    ['{{printf "%-10s|%5d|%q|%v|%t|%%" .Name .Count .Name .List .On}}', 'net-test  |    3|"net-test"|[a b]|true|%'],
    ['{{println .Name 1}}', 'net-test 1\n'],
    ['{{print 1 2 "x" 3}}', '1 2x3'],
    ['{{slice .Name 0 3}}', 'net'],
    // Conditions.
    ['{{if .On}}y{{else}}n{{end}}{{if .Off}}y{{else}}n{{end}}{{if .Empty}}y{{end}}{{if .Nothing}}y{{end}}', 'yn'],
    ['{{if .Off}}1{{else if .On}}2{{else}}3{{end}}', '2'],
    ['{{if and .On (eq .Count 3)}}y{{end}}{{if or .Off .Empty}}n{{end}}{{if not .Off}}y{{end}}', 'yy'],
    ['{{if eq .Name "x" "net-test"}}y{{end}}{{if ne .Count 3}}n{{end}}', 'y'],
    ['{{lt 1 2}} {{ge 2 2}} {{gt "a" "b"}} {{le 1 0}}', 'true true false false'],
    ['{{with .IPAM}}{{len .Config}}{{end}}{{with .None}}x{{else}}none{{end}}', '1none'],
    // Loops; of a map by its keys in their order.
    ['{{range .List}}[{{.}}]{{end}}', '[a][b]'],
    ['{{range $i, $v := .List}}{{$i}}={{$v}} {{end}}', '0=a 1=b '],
    ['{{range $k, $v := .Networks}}{{$k}}={{$v.IP}} {{end}}', 'a=1 b=2 '],
    ['{{range .Nothing}}x{{else}}empty{{end}}{{range .None}}x{{end}}', 'empty'],
    ['{{range .List}}{{$.Name}}{{end}}', 'net-testnet-test'],
    // Variables.
    ['{{$x := .Name}}{{$x}} {{$x = "new"}}{{$x}}', 'net-test new'],
    ['{{$n := 0}}{{range .List}}{{$n = len .}}{{end}}{{$n}}', '1'],
    ['{{"quo\\"te"}} {{`raw`}} {{true}}', 'quo"te raw true'],
  ])('%s', (template, output) => {
    expect(render(template)).toBe(output);
  });

  test.each([
    ['{{.Nope}}', ':1:2: executing "" at <.Nope>: map has no entry for key "Nope"'],
    ['{{json .List}} {{.Nope.More}}', ':1:17: executing "" at <.Nope.More>: map has no entry for key "Nope"'],
    ['{{.Name.More}}', "can't evaluate field More in type string"],
    ['{{index .List 9}}', 'index out of range: 9'],
    ['{{.Name 1}}', 'has arguments but cannot be invoked as function'],
    ['{{range .Count}}{{end}}', "range can't iterate over 3"],
    ['{{nope .Name}}', 'function "nope" not defined'],
    ['{{toString .Name}}', 'function "toString" not defined'],
    ['{{.Name', 'unclosed action'],
    ['{{if .On}}', 'unexpected EOF'],
    ['{{end}}', 'unexpected {{end}}'],
    ['{{else}}', 'unexpected {{else}}'],
    ['{{}}', 'missing value for command'],
    ['{{"open}}', 'unterminated quoted string'],
    ['{{(.Name}}', 'unclosed left paren'],
    ['{{$x}}', 'undefined variable "$x"'],
    ['{{.A | }}', 'missing value for command'],
    ['{{.Name}}}{{!}}', 'unexpected "!" in command'],
  ])('%s: %s', (template, message) => {
    expect(() => render(template)).toThrow(message);
    expect(() => render(template)).toThrow(TemplateError);
  });

  test('a line of a list has columns, and those that take an argument', () => {
    const row = new Row('*formatter.X', { Name: 'a', Label: (key: unknown) => `label ${String(key)}` });
    expect(render('{{.Name}} {{.Label "x"}} {{json .}}', row)).toBe('a label x {"Name":"a"}');
    expect(() => render('{{.Foo}}', row)).toThrow(
      `:1:2: executing "" at <.Foo>: can't evaluate field Foo in type *formatter.X`,
    );
    expect(() => render('{{.Label}}', row)).toThrow('wrong number of args');
  });

  test('nothing of the language underneath can be reached', () => {
    for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty'])
      for (const data of [DATA, new Row('x', {}), []])
        expect(() => render(`{{.${name}}}`, data)).toThrow(TemplateError);
  });

  test('any template is executed or refused', () => {
    const words =
      '{{ }} {{- -}} if range with else end . .List .Networks $ $x := | ( ) "s" 1 , json len index printf eq and not pad slice text {{.Name}}'.split(
        ' ',
      );
    const piece = fc.constantFrom(' ', '{{range .List}}', '{{if .On}}', '{{end}}', ...words);
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join('')),
        ),
        (template) => {
          try {
            render(template);
          } catch (error) {
            expect(error).toBeInstanceOf(TemplateError);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  test.each([
    '{{if .On}}'.repeat(50_000),
    `{{${'('.repeat(50_000)}`,
    `${'{{range .Big}}'.repeat(8)}x${'{{end}}'.repeat(8)}`,
    '{{pad "x" 99999999999 1}}',
    '{{printf "%99999999999d" 1}}',
  ])('one that would never end does', (template) => {
    expect(() => render(template, { On: true, Big: Array.from({ length: 1000 }, () => 0) })).toThrow(TemplateError);
  });
});
