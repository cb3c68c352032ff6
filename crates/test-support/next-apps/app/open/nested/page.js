export default function Page() {
  return <h1>Nested</h1>;
}
