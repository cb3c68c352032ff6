export function getServerSideProps() {
  return { props: { text: 'Legacy' } };
}

export default function Page({ text }) {
  return <h1>{text}</h1>;
}
